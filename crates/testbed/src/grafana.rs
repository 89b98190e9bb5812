//! Generator of Grafana's dashboards as JSON, from the descriptions in `dashboards/*.yml`.

use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// Number of columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// End of a label selector in a dashboard's query, as `dashboards/*.yml` writes it. The matchers of the dashboard's
/// variables are inserted here.
const SELECTION: &str = "%}";
const MATCHERS: &str = r#"tier=~"$tier",packager=~"$packager",channel=~"$channel"}"#;
const VARIABLES: [&str; 3] = ["tier", "packager", "channel"];
/// Marks on the time axis: name, colour, what Prometheus is asked, and the text of a mark.
const ANNOTATIONS: [(&str, &str, &str, &str); 4] = [
    (
        "Alerts",
        "red",
        r#"max by (alertname, severity, channel, packager) (ALERTS{alertstate="firing",severity=~"critical|major",tier=~"$tier",packager=~"$packager",channel=~"$channel"})"#,
        "{{alertname}} {{channel}}",
    ),
    (
        "Packager restarts",
        "orange",
        r#"max by (channel, output) (packager_check_ok{check="packager_restarted",tier=~"$tier",packager=~"$packager",channel=~"$channel"} == bool 0) == 1"#,
        "packager restarted: {{channel}} {{output}}",
    ),
    (
        "Exporter restarts",
        "purple",
        r#"changes(process_start_time_seconds{job="packager_exporter"}[1m]) > 0"#,
        "exporter restarted: {{instance}}",
    ),
    (
        "Catalogue",
        "blue",
        "changes(packager_exporter_catalog_channels[1m]) > 0 or changes(packager_exporter_catalog_templates[1m]) > 0",
        "number of channels or templates changed: {{instance}}",
    ),
];

/// Description of a Grafana dashboard, as in `dashboards/*.yml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    pub uid: String,
    pub title: String,
    pub description: String,
    /// The kind of data source that the queries are for.
    #[serde(default)]
    pub source: DataSource,
    panels: Vec<Item>,
}

/// A kind of data source, with its query language.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum DataSource {
    /// Prometheus and PromQL.
    #[default]
    Prometheus,
    /// InfluxDB and InfluxQL, which InfluxDB 1 and 2 know.
    Influxdb,
}

impl DataSource {
    /// Grafana's id of the kind.
    fn id(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Influxdb => "influxdb",
        }
    }

    fn reference(self) -> Value {
        json!({"type": self.id(), "uid": "${datasource}"})
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Row(Row),
    Panel(Box<Panel>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    row: String,
}

/// Description of a Grafana panel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    pub title: String,
    #[serde(rename = "type")]
    kind: String,
    width: u64,
    height: u64,
    /// Grafana's id of the panel's unit; `None` for plain numbers.
    #[serde(default)]
    unit: Option<String>,
    pub description: String,
    /// Value from which on each colour of the panel applies; the colour without a value is that of the lowest values.
    #[serde(default)]
    thresholds: serde_json::Map<String, Value>,
    /// Label whose value links to the dashboard Channel Detail; `None` for no link.
    #[serde(default)]
    link: Option<String>,
    pub queries: Vec<Query>,
}

/// A PromQL query of a panel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    expr: String,
    #[serde(default)]
    legend: String,
}

impl Query {
    /// Returns the PromQL expression with the matchers of Grafana's variables inserted.
    pub fn expression(&self) -> String {
        self.expr.replace(SELECTION, MATCHERS)
    }
}

/// Reads every dashboard description in the folder, in the order of file names.
///
/// # Errors
/// A file can't be read, or isn't a dashboard description.
pub fn read_descriptions(folder: &Path) -> Result<Vec<Dashboard>, Box<dyn std::error::Error>> {
    let mut files =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "yml"));
    files.sort();
    files.iter().map(|file| Ok(serde_yaml::from_str(&std::fs::read_to_string(file)?)?)).collect()
}

impl Dashboard {
    /// Iterates over the panels of the dashboard, without the row titles.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().filter_map(|item| match item {
            Item::Panel(panel) => Some(panel.as_ref()),
            Item::Row(_) => None,
        })
    }

    /// Returns the dashboard as the JSON that Grafana loads.
    pub fn json(&self) -> String {
        let link = json!({"type": "dashboards", "title": "Packagers", "tags": ["packager_exporter"], "asDropdown": true,
            "includeVars": true, "keepTime": true, "icon": "external link", "targetBlank": false, "tooltip": "", "url": ""});
        let dashboard = json!({
            "uid": self.uid, "title": self.title, "description": self.description, "tags": ["packager_exporter"],
            "schemaVersion": 39, "version": 1, "editable": true, "graphTooltip": 1, "refresh": "15s",
            "timezone": "browser", "time": {"from": "now-1h", "to": "now"}, "annotations": {"list": self.annotations()},
            "links": [link], "templating": {"list": self.variables()}, "panels": self.laid_out(),
        });
        format!("{dashboard:#}\n")
    }

    fn annotations(&self) -> Vec<Value> {
        let annotation = |(name, color, expr, title): (&str, &str, &str, &str)| {
            json!({"name": name, "datasource": self.source.reference(), "enable": true, "hide": false, "iconColor": color,
                "expr": expr, "step": "30s", "titleFormat": title, "textFormat": "", "tagKeys": "severity"})
        };
        if self.source == DataSource::Prometheus { ANNOTATIONS.map(annotation).to_vec() } else { Vec::new() }
    }

    fn variables(&self) -> Vec<Value> {
        match self.source {
            DataSource::Prometheus => variables(),
            DataSource::Influxdb => influxdb_variables(),
        }
    }

    /// JSON of the panels, placed from left to right; a line is as high as its highest panel.
    fn laid_out(&self) -> Vec<Value> {
        let (mut x, mut y, mut line_height) = (0, 0, 0);
        let panel_json = |(index, item): (usize, &Item)| {
            let (width, height) = match item {
                Item::Row(_) => (COLUMNS, 1),
                Item::Panel(panel) => (panel.width, panel.height),
            };
            if x + width > COLUMNS {
                (x, y, line_height) = (0, y + line_height, 0);
            }
            let position = json!({"x": x, "y": y, "w": width, "h": height});
            (x, line_height) = (x + width, line_height.max(height));
            match item {
                Item::Row(row) => json!({"id": index + 1, "type": "row", "title": row.row, "collapsed": false,
                    "gridPos": position, "panels": []}),
                Item::Panel(panel) => panel.json(self.source, index + 1, &position),
            }
        };
        self.panels.iter().enumerate().map(panel_json).collect()
    }
}

impl Panel {
    fn json(&self, source: DataSource, id: usize, position: &Value) -> Value {
        json!({
            "id": id, "type": self.grafana_type(), "title": self.title, "description": self.description,
            "gridPos": position, "datasource": source.reference(), "targets": self.targets(source), "options": self.options(),
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "transformations": self.transformations(),
        })
    }

    fn grafana_type(&self) -> &str {
        match self.kind.as_str() {
            "statetimeline" => "state-timeline",
            "wall" => "stat",
            kind => kind,
        }
    }

    /// Returns whether the panel shows only the newest value.
    fn is_instant(&self) -> bool {
        ["stat", "wall", "table", "bargauge", "histogram"].contains(&self.kind.as_str())
    }

    fn targets(&self, source: DataSource) -> Vec<Value> {
        let target = |(index, query): (usize, &Query)| {
            let name = char::from(b'A' + u8::try_from(index).unwrap_or_default()).to_string();
            let format = if self.kind == "table" { "table" } else { "time_series" };
            if source == DataSource::Influxdb {
                return json!({"refId": name, "datasource": source.reference(), "query": query.expr, "rawQuery": true,
                    "resultFormat": format, "alias": query.legend});
            }
            json!({"refId": name, "datasource": source.reference(), "expr": query.expression(), "legendFormat": query.legend,
                "instant": self.is_instant(), "range": !self.is_instant(), "format": format})
        };
        self.queries.iter().enumerate().map(target).collect()
    }

    fn defaults(&self) -> Value {
        let mut steps: Vec<(Option<f64>, &String)> =
            self.thresholds.iter().map(|(color, from)| (from.as_f64(), color)).collect();
        steps.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
        let steps: Vec<Value> =
            steps.into_iter().map(|(value, color)| json!({"color": color, "value": value})).collect();
        let colored = if steps.is_empty() { "palette-classic" } else { "thresholds" };
        let mode = if self.kind == "timeseries" { "palette-classic" } else { colored };
        let steps = if steps.is_empty() { vec![json!({"color": "text", "value": null})] } else { steps };
        let mut defaults = json!({"color": {"mode": mode}, "thresholds": {"mode": "absolute", "steps": steps}, "custom": self.custom()});
        if let (Some(unit), Some(fields)) = (&self.unit, defaults.as_object_mut()) {
            fields.insert("unit".to_owned(), json!(unit));
        }
        if let (Some(label), Some(fields)) =
            (self.link.as_ref().filter(|_| self.kind != "table"), defaults.as_object_mut())
        {
            fields.insert("links".to_owned(), json!(channel_links(&format!("${{__field.labels.{label}}}"))));
        }
        defaults
    }

    fn custom(&self) -> Value {
        match self.kind.as_str() {
            "timeseries" => {
                let style = if self.thresholds.is_empty() { "off" } else { "dashed" };
                json!({"lineWidth": 1, "fillOpacity": 0, "spanNulls": 60_000, "thresholdsStyle": {"mode": style}})
            }
            "statetimeline" => json!({"lineWidth": 0, "fillOpacity": 70}),
            _ => json!({}),
        }
    }

    /// Links of the columns of a table: channels lead to their details and log, alerts to their runbooks.
    fn overrides(&self) -> Value {
        if self.kind != "table" {
            return json!([]);
        }
        let links = |column: &str, links: Value| {
            let matcher = json!({"id": "byName", "options": column});
            json!({"matcher": matcher, "properties": [{"id": "links", "value": links}]})
        };
        let channels = self.link.iter().map(|label| links(label, json!(channel_links("${__value.text}"))));
        let runbook = json!([{"title": "Runbook", "url": "${exporter}/runbooks/${__value.text}", "targetBlank": true}]);
        let alerts =
            self.queries.iter().any(|query| query.expr.contains("alertname,") || query.expr.contains("(alertname"));
        json!(channels.chain(alerts.then(|| links("alertname", runbook))).collect::<Vec<_>>())
    }

    fn options(&self) -> Value {
        let last = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self.kind.as_str() {
            "stat" => {
                json!({"reduceOptions": last, "colorMode": "background", "graphMode": "none", "textMode": "auto"})
            }
            // A coloured cell for each series, with its name.
            "wall" => {
                json!({"reduceOptions": last, "colorMode": "background_solid", "graphMode": "none", "textMode": "name",
                    "justifyMode": "center", "wideLayout": true})
            }
            "bargauge" => json!({"reduceOptions": last, "orientation": "horizontal", "displayMode": "gradient"}),
            "timeseries" => {
                json!({"legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"}})
            }
            "histogram" => {
                json!({"combine": true, "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []}})
            }
            "statetimeline" => json!({"mergeValues": true, "showValue": "never", "rowHeight": 0.9}),
            _ => json!({"showHeader": true, "cellHeight": "sm"}),
        }
    }

    /// Returns the transformations of a table panel: they leave out the columns `Time`, because the columns are labels.
    fn transformations(&self) -> Value {
        if self.kind == "table" {
            json!([{"id": "organize", "options": {"excludeByName": {"Time": true}, "indexByName": {}, "renameByName": {}}}])
        } else {
            json!([])
        }
    }
}

/// Where a channel's name leads to.
fn channel_links(channel: &str) -> Vec<Value> {
    let url = format!("/d/packager-channel?var-datasource=${{datasource}}&var-channel={channel}&${{__url_time_range}}");
    vec![
        json!({"title": "Channel Detail", "url": url}),
        json!({"title": "Log of the last fault", "url": format!("${{exporter}}/logs?target={channel}"), "targetBlank": true}),
    ]
}

/// The variables of a dashboard for InfluxDB.
fn influxdb_variables() -> Vec<Value> {
    let source = DataSource::Influxdb;
    let query = "SHOW TAG VALUES FROM \"probe\" WITH KEY = \"channel\"";
    vec![
        data_source(source),
        json!({"name": "channel", "label": "channel", "type": "query", "datasource": source.reference(), "query": query,
            "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
            "current": {"text": "All", "value": "$__all"}, "hide": 0, "regex": "", "options": []}),
    ]
}

fn data_source(source: DataSource) -> Value {
    json!({"name": "datasource", "label": "Data source", "type": "datasource", "query": source.id(),
        "hide": 0, "refresh": 1, "regex": "", "multi": false, "includeAll": false, "options": []})
}

/// Returns the dashboard's variables; each offers the values that remain after the selection of the variables before
/// it.
fn variables() -> Vec<Value> {
    let datasource = || DataSource::Prometheus.reference();
    let mut chosen = String::new();
    let mut variables = vec![data_source(DataSource::Prometheus)];
    for name in VARIABLES {
        let query = format!("label_values(up{{job=\"packager_channels\"{chosen}}}, {name})");
        chosen.push_str(&format!(",{name}=~\"${name}\""));
        variables.push(json!({"name": name, "label": name, "type": "query", "datasource": datasource(),
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": true,
            "includeAll": true, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "hide": 0, "regex": "",
            "options": []}));
    }
    // For the links to logs and runbooks; the reader needs no choice.
    variables.push(json!({"name": "exporter", "label": "exporter", "type": "query", "datasource": datasource(),
        "query": {"query": "label_values(packager_exporter_links_info, external_url)", "refId": "exporter"}, "refresh": 1,
        "sort": 1, "multi": false, "includeAll": false, "hide": 2, "regex": "", "options": []}));
    variables
}
