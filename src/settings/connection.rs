//! x
use super::Adobe;
use crate::flow_service::Connection;

impl Adobe {
    /// What the client of the platform is made from.
    pub fn connection(&self) -> Connection {
        Connection {
            platform_url: self.platform_url.clone(),
            ims_url: self.ims_url.clone(),
            org_id: self.org_id.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            scopes: self.scopes.clone(),
            retrigger_op: self.retrigger_op.clone(),
            send_if_match: self.send_if_match,
            request_timeout: self.request_timeout,
            requests_per_second: self.requests_per_second,
            max_concurrent_requests: self.max_concurrent_requests,
            max_response_bytes: self.max_response_bytes,
            max_pages: self.max_pages,
            page_size: self.page_size,
            failed_status_values: self.failed_status_values.clone(),
        }
    }
}
