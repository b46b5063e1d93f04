//! Who lives in the default world: the dataflows of an imaginary retailer.

use std::time::Duration;

use super::failure::Cause;
use super::flow::FlowSetup;
use super::flow::FlowState;
use super::spec::Spec;

/// A dataflow of the default world.
struct Role(&'static str, Spec, Every, Temper, FlowState);

/// How often it runs in real life.
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
enum Temper {
    /// Almost never.
    Steady,
    /// Now and then, and another try helps.
    Shaky,
    /// Often, and a few tries help.
    Moody,
    /// Waits for files that come late.
    Late,
    /// With bad data, which no try makes better.
    Dirty,
    /// Always: its credentials have expired.
    Expired,
    /// Like a stream or a destination, in ways that are not ours to heal.
    Foreign,
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

impl Temper {
    fn failures(self, spec: Spec) -> (f64, Vec<Cause>) {
        use Cause::*;
        match self {
            Self::Steady => (0.01, vec![SourceTimeout, Promotion]),
            Self::Shaky => (0.05, vec![SourceTimeout, SourceUnavailable, SourceInternal]),
            Self::Moody => (0.12, vec![SourceUnavailable, SourceInternal, Promotion]),
            Self::Late => (0.1, vec![NoFiles]),
            Self::Dirty => (0.08, vec![BadRecords, MissingField, MappingFault, Duplicate]),
            Self::Expired => (1.0, vec![ExpiredCredentials]),
            Self::Foreign if spec.is_destination() => (0.1, vec![Activation]),
            Self::Foreign => (0.1, vec![StreamValidation]),
        }
    }
}

/// Every dataflow of the default world, as in real life; the pace is up to the scenario.
pub(super) fn flows() -> impl Iterator<Item = FlowSetup> {
    ROLES.iter().map(|Role(name, spec, every, temper, state)| {
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

const ROLES: &[Role] = {
    use Every::*;
    use FlowState::*;
    use Spec::*;
    use Temper::*;
    &[
        Role("crm-accounts-hourly", Crm, Hour, Shaky, Enabled),
        Role("crm-contacts-hourly", Crm, Hour, Shaky, Enabled),
        Role("crm-leads-hourly", Crm, Hour, Steady, Enabled),
        Role("crm-opportunities-daily", Crm, Day, Steady, Enabled),
        Role("service-cases-hourly", Crm, Hour, Moody, Enabled),
        Role("orders-quarter-hourly", Crm, Quarter, Shaky, Enabled),
        Role("order-lines-quarter-hourly", Crm, Quarter, Steady, Enabled),
        Role("returns-hourly", Crm, Hour, Steady, Enabled),
        Role("payments-hourly", Crm, Hour, Shaky, Enabled),
        Role("refunds-daily", Crm, Day, Steady, Enabled),
        Role("inventory-quarter-hourly", Crm, Quarter, Moody, Enabled),
        Role("price-list-daily", Crm, Day, Steady, Enabled),
        Role("warehouse-shipments-hourly", Crm, Hour, Dirty, Enabled),
        Role("erp-customers-6h", Crm, SixHours, Expired, Enabled),
        Role("ad-spend-daily", Crm, Day, Shaky, Enabled),
        Role("subscriptions-hourly", Crm, Hour, Steady, Enabled),
        Role("loyalty-members-nightly", CloudStorage, Day, Late, Enabled),
        Role("loyalty-points-hourly", CloudStorage, Hour, Shaky, Enabled),
        Role("store-visits-hourly", CloudStorage, Hour, Late, Enabled),
        Role("pos-receipts-quarter-hourly", CloudStorage, Quarter, Moody, Enabled),
        Role("product-catalog-6h", CloudStorage, SixHours, Steady, Enabled),
        Role("product-reviews-hourly", CloudStorage, Hour, Dirty, Enabled),
        Role("email-events-hourly", CloudStorage, Hour, Steady, Enabled),
        Role("email-bounces-hourly", CloudStorage, Hour, Steady, Enabled),
        Role("call-center-logs-6h", CloudStorage, SixHours, Shaky, Enabled),
        Role("survey-answers-daily", CloudStorage, Day, Late, Enabled),
        Role("consent-changes-quarter-hourly", CloudStorage, Quarter, Shaky, Enabled),
        Role("partner-segments-daily", CloudStorage, Day, Dirty, Enabled),
        Role("weather-by-store-hourly", Rest, Hour, Moody, Enabled),
        Role("support-tickets-hourly", Rest, Hour, Shaky, Enabled),
        Role("campaign-members-hourly", Marketo, Hour, Shaky, Enabled),
        Role("web-clicks-stream", Streaming, Hour, Foreign, Enabled),
        Role("app-events-stream", Streaming, Hour, Foreign, Enabled),
        Role("iot-beacons-stream", Streaming, Hour, Foreign, Enabled),
        Role("web-forms-http-api", HttpApi, Never, Steady, Enabled),
        Role("profile-updates-http-api", HttpApi, Never, Steady, Enabled),
        Role("audience-big-spenders-export", Destination, Hour, Foreign, Enabled),
        Role("audience-newsletter-export", Destination, Day, Foreign, Enabled),
        Role("crm-accounts-2019-import", Crm, Day, Moody, Disabled),
        Role("returns-new-schema", CloudStorage, Hour, Steady, Draft),
    ]
};
