import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `make demo` starts an exporter there; `npm run dev` shows the page with its data.
const exporter = process.env.EXPORTER_URL ?? 'http://127.0.0.1:10115';
// The exporter compares the page's own address with the one that is asked, before it lets a browser write.
const proxied = { target: exporter, changeOrigin: false };

export default defineConfig({
  // Addresses are relative to <base href>, which the exporter writes.
  base: './',
  plugins: [react()],
  build: {
    target: 'es2022',
    // ui/dist/.gitignore stays; the build script removes the rest.
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // scripts/weight.mjs bounds what a browser loads.
    chunkSizeWarningLimit: 1000,
  },
  server: { proxy: { '/api': proxied, '/probe': proxied, '/runbooks': proxied } },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts', 'src/**/*.test.tsx'],
    setupFiles: ['src/testingSetup.ts'],
    testTimeout: 30_000,
  },
});
