//! Row of the database table `templates`.

use super::table_row::{JsonObject, TableRow, json_number, write_schema};
use super::{Template, secret_references};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// Template as the database table `templates` has it and as the API shows it: thresholds are columns of their own, and
/// everything else of templates.yml is in `settings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Template, description = "Template: thresholds in fields of their own, everything else of templates.yml in `settings`")]
pub struct TemplateRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i32, required)]
    pub id: Option<i32>,
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    pub template_name: String,
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 1, maximum = 5)]
    pub min_mos: Option<f64>,
    /// Target loudness in LUFS.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = -70, maximum = 0)]
    pub loudness_target: Option<f64>,
    /// Allowed distance from the target loudness in LU.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 0, maximum = 30)]
    pub loudness_tolerance: Option<f64>,
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 0, maximum = 1)]
    pub macroblocking_threshold: Option<f64>,
    /// Time in milliseconds from which a frozen picture is reported.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 0, maximum = 600000)]
    pub freeze_threshold_ms: Option<f64>,
    /// Expected duration of a segment in seconds.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 0.1, maximum = 120)]
    pub segment_duration_target: Option<f64>,
    /// Allowed distance from the expected segment duration, as a ratio of it.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 0, maximum = 1)]
    pub segment_duration_tolerance: Option<f64>,
    /// Longest allowed download time of a segment in seconds.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 0.01, maximum = 600)]
    pub max_download_time: Option<f64>,
    /// Keys of the template that have no column of their own, as in templates.yml.
    #[serde(serialize_with = "secret_references::hidden")]
    #[schema(value_type = Object)]
    pub settings: JsonObject,
    /// Version of the row, which is the ETag of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i32, required)]
    pub version: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required)]
    pub created_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required)]
    pub updated_at: Option<String>,
}

impl TableRow for TemplateRow {
    const TABLE: &'static str = "templates";
    const READ_ONLY: &'static [&'static str] = &["id", "version", "created_at", "updated_at"];
    const DEFAULTS: &'static [(&'static str, &'static str)] = &[("settings", "'{}'")];
}

impl TemplateRow {
    /// Returns the names of the columns that hold thresholds.
    pub fn thresholds() -> impl Iterator<Item = &'static str> {
        Self::writable().filter(|name| !matches!(*name, "template_name" | "settings"))
    }
}

impl From<&Template> for TemplateRow {
    /// Makes the row of a template of templates.yml, with the keys of all templates that it extends.
    fn from(template: &Template) -> Self {
        let thresholds = &template.thresholds;
        let settings = serde_json::to_value(template).unwrap_or_default();
        let mut settings = settings.as_object().cloned().unwrap_or_default();
        settings.retain(|name, _| !Self::columns().contains(&name.as_str()));
        Self {
            id: None,
            template_name: template.name.clone(),
            min_mos: thresholds.min_mos,
            loudness_target: thresholds.loudness_target,
            loudness_tolerance: thresholds.loudness_tolerance,
            macroblocking_threshold: thresholds.macroblocking_threshold,
            freeze_threshold_ms: thresholds.freeze_threshold_ms,
            segment_duration_target: thresholds.segment_duration_target,
            segment_duration_tolerance: Some(thresholds.segment_duration_tolerance),
            max_download_time: Some(thresholds.max_download_time),
            settings,
            version: None,
            created_at: None,
            updated_at: None,
        }
    }
}

/// OpenAPI schema of a request body that writes a template.
pub(crate) struct TemplateWritten;

impl PartialSchema for TemplateWritten {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({
            "template_name": "TPL_LIVE_HD", "min_mos": 3.5, "segment_duration_target": 6.0, "max_download_time": 2.0,
            "settings": {"timeout": "8s"},
        });
        let description =
            "Thresholds in fields of their own; everything else that templates.yml may have in `settings`";
        write_schema::<TemplateRow>(description, &["template_name"], &[], example)
    }
}

impl ToSchema for TemplateWritten {}
