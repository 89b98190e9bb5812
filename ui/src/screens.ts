import { type ComponentType, lazy } from 'react';

/** A screen or a dialog that is loaded when it is opened, or when the browser has nothing else to do. */
function later<Props extends object>(load: () => Promise<ComponentType<Props>>) {
  loads.push(load);
  return lazy(async () => ({ default: await load() }));
}

const loads: (() => Promise<unknown>)[] = [];

export const ChannelScreen = later(async () => (await import('./channel/ChannelScreen')).ChannelScreen);
export const AlertsScreen = later(async () => (await import('./alerts/AlertsScreen')).AlertsScreen);
export const WallScreen = later(async () => (await import('./wall/WallScreen')).WallScreen);
export const MosaicScreen = later(async () => (await import('./mosaic/MosaicScreen')).MosaicScreen);
export const MetricsScreen = later(async () => (await import('./metrics/MetricsScreen')).MetricsScreen);
export const EditScreen = later(async () => (await import('./edit/EditScreen')).EditScreen);
export const ImportScreen = later(async () => (await import('./imports/ImportScreen')).ImportScreen);
export const ReportScreen = later(async () => (await import('./report/ReportScreen')).ReportScreen);
export const RowMenu = later(async () => (await import('./channels/RowMenu')).RowMenu);
export const KeysHelp = later(async () => (await import('./keys/KeysHelp')).KeysHelp);

/** Time in milliseconds after which the other screens are loaded: the first one is shown then. */
const PAUSE = 5_000;

/** Loads the other screens after a pause: they must open also when the exporter is away, or is a newer version meanwhile. */
export function loadScreensLater(): void {
  setTimeout(() => {
    for (const load of loads) load().catch(() => undefined);
  }, PAUSE);
}
