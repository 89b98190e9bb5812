const KEY = 'packager_exporter.name';

/** The name that a person last gave in this browser; empty before the first time. */
export function rememberedName(): string {
  return localStorage.getItem(KEY) ?? '';
}

export function rememberName(name: string): void {
  localStorage.setItem(KEY, name);
}
