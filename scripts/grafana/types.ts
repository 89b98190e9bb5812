// What each kind of file and panel may have, put together from Grafana's own types.
import type * as g from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as histogram from '@grafana/schema/dist/types/raw/composable/histogram/panelcfg/x/types.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as statetimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

// Of Grafana's Prometheus data source; the schema has its common part alone.
interface Query extends Omit<g.DataQuery, 'datasource'> {
  datasource: g.DataSourceRef;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
}

// Of Grafana's InfluxDB data source, in its language InfluxQL.
interface InfluxQuery extends Omit<g.DataQuery, 'datasource'> {
  datasource: g.DataSourceRef;
  query: string;
  rawQuery: true;
  resultFormat: 'time_series' | 'table';
  alias?: string;
}

// Of Grafana's Prometheus data source.
interface Annotation {
  name: string;
  datasource: g.DataSourceRef;
  enable: boolean;
  hide?: boolean;
  iconColor: string;
  expr: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
}

// Grafana lays options over the panel's own, so none is required.
type Of<Kind extends string, Options, Custom> = Omit<g.Panel, 'type' | 'targets' | 'options' | 'fieldConfig'> & {
  type: Kind;
  targets: Query[] | InfluxQuery[];
  options: Partial<Options>;
  fieldConfig: Omit<g.FieldConfigSource, 'defaults'> & {
    defaults: Omit<g.FieldConfig, 'custom'> & { custom?: Partial<Custom> };
  };
};

// Thresholds begin with a step without a value, null in JSON.
type Panel =
  | Of<'stat', stat.Options, {}>
  | Of<'bargauge', bargauge.Options, {}>
  | Of<'histogram', histogram.Options, histogram.FieldConfig>
  | Of<'table', table.Options, table.FieldConfig>
  | Of<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | (Omit<g.RowPanel, 'panels'> & { panels: [] });

// No panels inside of a row: they would bring in a second DataQuery, as Grafana's own type of annotations would.
export type Dashboard = Omit<g.Dashboard, 'panels' | 'annotations'> & { panels: Panel[]; annotations: { list: Annotation[] } };
