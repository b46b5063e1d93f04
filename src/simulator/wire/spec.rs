//! A flow spec as published: what a client needs to distinguish batch from streaming.

use serde_json::{Value, json};

use crate::simulator::world::spec::Spec;

/// `FlowSpecItemDTO` of Adobe's OpenAPI file, without the schemas of its options.
pub(crate) fn spec_item(spec: Spec) -> Value {
    let frequency = spec.published_frequency();
    let streaming = frequency == Some("streaming");
    let mut item = json!({
        "id": spec.id(),
        "name": spec.name(),
        "version": "1.0",
        "providerId": if streaming {
            "521eee4d-8cbe-4906-bb48-fb6bd4450033"
        } else {
            "0ed90a81-07f4-4586-8190-b40eccef1c5a"
        },
    });
    if let Some(attributes) = attributes(spec, frequency) {
        item["attributes"] = attributes;
    }
    item
}

/// Older specs have none; their kind is not published.
fn attributes(spec: Spec, frequency: Option<&str>) -> Option<Value> {
    let features = json!({
        "updateSupported": true,
        "deleteSupported": true,
        "flowRunsSupported": spec != Spec::HttpApi,
    });
    if spec.is_destination() {
        return Some(json!({
            "isDestinationFlow": true,
            "uiAttributes": { "apiFeatures": features },
        }));
    }
    frequency.map(|frequency| {
        json!({
            "isSourceFlow": true,
            "frequency": frequency,
            "flacValidationSupported": true,
            "notification": { "category": "sources", "flowRun": { "enabled": true } },
            "uiAttributes": { "apiFeatures": features },
        })
    })
}
