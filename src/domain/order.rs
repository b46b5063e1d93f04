//! What operators order for many dataflows at once: leave them alone, or go on.

use super::ids::{FlowId, SandboxName};
use jiff::Timestamp;

/// An order by an operator. Of all that cover a dataflow, the latest is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Only in this sandbox; `None` for all.
    pub sandbox: Option<SandboxName>,
    /// Only this dataflow, by its id or its name; `None` for all.
    pub flow: Option<FlowId>,
    /// True to leave them alone, false to go on.
    pub paused: bool,
    /// When it was given.
    pub at: Timestamp,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

impl Order {
    /// Whether it is about this dataflow.
    pub fn covers(&self, sandbox: &SandboxName, flow_id: &FlowId, flow_name: &str) -> bool {
        let named = |it: &FlowId| it == flow_id || it.as_str() == flow_name;
        self.sandbox.as_ref().is_none_or(|own| own == sandbox)
            && self.flow.as_ref().is_none_or(named)
    }
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
    }
}
