//! The dataflows of the default world, which is an imaginary retailer.

use std::time::Duration;

use crate::simulator::world::failure::Cause;
use crate::simulator::world::flow::{FlowSetup, FlowState};
use crate::simulator::world::spec::Spec;

/// A dataflow of the default world.
struct DemoFlow(&'static str, Spec, Every, FailureProfile, FlowState);

/// How often it runs at the realistic pace.
#[derive(Clone, Copy)]
enum Every {
    Quarter,
    Hour,
    SixHours,
    Day,
    Never,
}

/// How its runs fail.
#[derive(Clone, Copy)]
enum FailureProfile {
    /// Almost never.
    Steady,
    /// Sometimes; one or two re-triggers help.
    Shaky,
    /// Often; a few re-triggers help.
    Moody,
    /// Because files arrive late.
    Late,
    /// With bad data, which no re-trigger heals.
    Dirty,
    /// Often: its SFTP server cannot be reached; a re-trigger helps.
    Unreachable,
    /// Because its source times out; the new run rejects some records.
    Partial,
    /// Always: its password was changed.
    Expired,
    /// Like a stream or a destination, which flowmend does not re-trigger.
    NotBatch,
}

impl Every {
    fn duration(self) -> Option<Duration> {
        let minutes = match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::SixHours => 360,
            Self::Day => 1_440,
            Self::Never => return None,
        };
        Some(Duration::from_secs(minutes * 60))
    }
}

impl FailureProfile {
    fn failures(self, spec: Spec) -> (f64, Vec<Cause>) {
        use Cause::*;
        match self {
            Self::Steady => (0.01, vec![SourceTimeout, Promotion]),
            Self::Shaky => (0.05, vec![SourceTimeout, SourceUnavailable, SourceInternal]),
            Self::Moody => (0.12, vec![SourceUnavailable, SourceInternal, Promotion]),
            Self::Late => (0.1, vec![NoFiles]),
            Self::Dirty => (0.08, vec![BadRecords, MissingField, MappingFault, Duplicate]),
            Self::Unreachable => (0.4, vec![SftpNetworkIssue]),
            Self::Partial => (0.4, vec![TimeoutThenRejects]),
            Self::Expired => (1.0, vec![ExpiredCredentials]),
            Self::NotBatch if spec.is_destination() => (0.1, vec![Activation]),
            Self::NotBatch => (0.1, vec![StreamValidation]),
        }
    }
}

/// Every dataflow of the default world, at the realistic pace.
pub(crate) fn flows() -> impl Iterator<Item = FlowSetup> {
    DEMO_FLOWS.iter().map(|DemoFlow(name, spec, every, temper, state)| {
        let (failure_rate, causes) = temper.failures(*spec);
        FlowSetup {
            every: every.duration(),
            state: *state,
            failure_rate,
            causes,
            ..FlowSetup::new(name, *spec)
        }
    })
}

const DEMO_FLOWS: &[DemoFlow] = {
    use Every::*;
    use FailureProfile::*;
    use FlowState::*;
    use Spec::*;
    &[
        DemoFlow("crm-accounts-hourly", Crm, Hour, Shaky, Enabled),
        DemoFlow("crm-contacts-hourly", Crm, Hour, Shaky, Enabled),
        DemoFlow("crm-leads-hourly", Crm, Hour, Steady, Enabled),
        DemoFlow("crm-opportunities-daily", Crm, Day, Steady, Enabled),
        DemoFlow("service-cases-hourly", Crm, Hour, Moody, Enabled),
        DemoFlow("orders-quarter-hourly", Crm, Quarter, Shaky, Enabled),
        DemoFlow("order-lines-quarter-hourly", Crm, Quarter, Steady, Enabled),
        DemoFlow("returns-hourly", Crm, Hour, Steady, Enabled),
        DemoFlow("payments-hourly", Crm, Hour, Shaky, Enabled),
        DemoFlow("refunds-daily", Crm, Day, Steady, Enabled),
        DemoFlow("inventory-quarter-hourly", Crm, Quarter, Moody, Enabled),
        DemoFlow("price-list-daily", Crm, Day, Steady, Enabled),
        DemoFlow("warehouse-shipments-hourly", Crm, Hour, Dirty, Enabled),
        DemoFlow("erp-customers-6h", Crm, SixHours, Expired, Enabled),
        DemoFlow("ad-spend-daily", Crm, Day, Shaky, Enabled),
        DemoFlow("subscriptions-hourly", Crm, Hour, Steady, Enabled),
        DemoFlow("loyalty-members-nightly", CloudStorage, Day, Late, Enabled),
        DemoFlow("loyalty-points-hourly", CloudStorage, Hour, Unreachable, Enabled),
        DemoFlow("store-visits-hourly", CloudStorage, Hour, Late, Enabled),
        DemoFlow("pos-receipts-quarter-hourly", CloudStorage, Quarter, Moody, Enabled),
        DemoFlow("product-catalog-6h", CloudStorage, SixHours, Steady, Enabled),
        DemoFlow("product-reviews-hourly", CloudStorage, Hour, Dirty, Enabled),
        DemoFlow("email-events-hourly", CloudStorage, Hour, Steady, Enabled),
        DemoFlow("email-bounces-hourly", CloudStorage, Hour, Partial, Enabled),
        DemoFlow("call-center-logs-6h", CloudStorage, SixHours, Shaky, Enabled),
        DemoFlow("survey-answers-daily", CloudStorage, Day, Late, Enabled),
        DemoFlow("consent-changes-quarter-hourly", CloudStorage, Quarter, Shaky, Enabled),
        DemoFlow("partner-segments-daily", CloudStorage, Day, Dirty, Enabled),
        DemoFlow("weather-by-store-hourly", Rest, Hour, Moody, Enabled),
        DemoFlow("support-tickets-hourly", Rest, Hour, Shaky, Enabled),
        DemoFlow("campaign-members-hourly", Marketo, Hour, Shaky, Enabled),
        DemoFlow("web-clicks-stream", Streaming, Hour, NotBatch, Enabled),
        DemoFlow("app-events-stream", Streaming, Hour, NotBatch, Enabled),
        DemoFlow("lake-to-profile-hourly", Internal, Hour, NotBatch, Enabled),
        DemoFlow("web-forms-http-api", HttpApi, Never, Steady, Enabled),
        DemoFlow("profile-updates-http-api", HttpApi, Never, Steady, Enabled),
        DemoFlow("audience-big-spenders-export", Destination, Hour, NotBatch, Enabled),
        DemoFlow("audience-newsletter-export", Destination, Day, NotBatch, Enabled),
        DemoFlow("crm-accounts-2019-import", Crm, Day, Moody, Disabled),
        DemoFlow("returns-new-schema", CloudStorage, Hour, Steady, Draft),
    ]
};
