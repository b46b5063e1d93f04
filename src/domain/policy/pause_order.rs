//! Pauses and resumes: what operators order for many dataflows at once.

use crate::domain::model::ids::{FlowId, SandboxName};
use jiff::Timestamp;

/// A pause or a resume. If several cover a dataflow, the latest wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Only in this sandbox; `None` for all.
    pub sandbox: Option<SandboxName>,
    /// Only this dataflow, by its id or its name; `None` for all.
    pub flow: Option<FlowId>,
    /// True for a pause, false for a resume.
    pub paused: bool,
    /// When it was given.
    pub at: Timestamp,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

impl Order {
    /// What it covers, in words.
    pub fn scope(&self) -> String {
        let what = match &self.flow {
            Some(flow) => format!("dataflow {flow}"),
            None => "all dataflows".to_owned(),
        };
        match &self.sandbox {
            Some(sandbox) => format!("{what} of sandbox {sandbox}"),
            None => what,
        }
    }

    /// Whether it covers this dataflow.
    pub fn covers(&self, sandbox: &SandboxName, flow_id: &FlowId, flow_name: &str) -> bool {
        let named = |it: &FlowId| it == flow_id || it.as_str() == flow_name;
        self.sandbox.as_ref().is_none_or(|own| own == sandbox)
            && self.flow.as_ref().is_none_or(named)
    }
}

/// The pauses that no later order for the same dataflows, or for more of them, has ended.
pub fn pauses(orders: &[Order]) -> Vec<&Order> {
    let includes = |wide: &Order, narrow: &Order| {
        (wide.sandbox.is_none() || wide.sandbox == narrow.sandbox)
            && (wide.flow.is_none() || wide.flow == narrow.flow)
    };
    let ended = |pause: &Order| {
        orders.iter().any(|it| !it.paused && it.at > pause.at && includes(it, pause))
    };
    orders.iter().filter(|order| order.paused && !ended(order)).collect()
}

/// The order in force for a dataflow.
pub fn in_force<'a>(
    orders: &'a [Order],
    sandbox: &SandboxName,
    flow_id: &FlowId,
    flow_name: &str,
) -> Option<&'a Order> {
    let covering = orders.iter().filter(|order| order.covers(sandbox, flow_id, flow_name));
    covering.max_by_key(|order| order.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_order_that_covers_a_dataflow_is_in_force() {
        let order = |sandbox: Option<&str>, flow: Option<&str>, paused, second| Order {
            sandbox: sandbox.map(SandboxName::new),
            flow: flow.map(FlowId::new),
            paused,
            at: Timestamp::from_second(second).unwrap(),
            reason: String::new(),
        };
        let paused = |orders: &[Order], sandbox, flow: &str| {
            let found = in_force(orders, &SandboxName::new(sandbox), &FlowId::new(flow), "a name");
            found.is_some_and(|order| order.paused)
        };
        let orders = [
            order(None, None, true, 10),
            order(Some("prod"), None, false, 20),
            order(Some("prod"), Some("f-1"), true, 30),
            order(None, Some("a name"), true, 5),
        ];
        assert!(paused(&orders, "dev", "f-1"), "everything is paused");
        assert!(!paused(&orders, "prod", "f-2"), "but prod goes on");
        assert!(paused(&orders, "prod", "f-1"), "except one");
        assert!(paused(&orders[3..], "prod", "f-9"), "named by its name");
        assert!(!paused(&[], "prod", "f-1"));

        assert_eq!(pauses(&orders), [&orders[0], &orders[2], &orders[3]]);
        let all_go_on = [orders.to_vec(), vec![order(None, None, false, 40)]].concat();
        assert!(pauses(&all_go_on).is_empty());
    }
}
