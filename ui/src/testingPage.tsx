import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { configure, render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { Router } from 'wouter';
import { memoryLocation } from 'wouter/memory-location';
import './words';
import type { Summary } from './api/types';
import { askBeforeLeaving } from './frame/unsaved';

// A busy machine needs longer than a second to draw a screen.
configure({ asyncUtilTimeout: 10_000 });

declare global {
  // Takes the place of `fetch` in tests; see testingSetup.ts.
  var exporterAnswers: typeof fetch | undefined;
}

type Answer = object | number | ((request: Request) => Response | Promise<Response>);

/** The exporter in tests: its answers by method and path, such as `GET session`; a number is a status without a body. */
export class TestExporter {
  readonly answers = new Map<string, Answer>();
  readonly requests: string[] = [];

  constructor(answers: Record<string, Answer> = {}) {
    this.set(answers);
    globalThis.exporterAnswers = (input, init) => this.answer(input, init);
  }

  set(answers: Record<string, Answer>): void {
    for (const [path, answer] of Object.entries(answers)) this.answers.set(path, answer);
  }

  private async answer(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = input instanceof Request ? input : new Request(input, init);
    const path = new URL(request.url).pathname.replace(/^.*\/api\/v1\//, '');
    this.requests.push(`${request.method} ${path}`);
    const answer = this.answers.get(`${request.method} ${path}`) ?? 404;
    if (typeof answer === 'function') return answer(request);
    if (typeof answer !== 'number') return Response.json(answer);
    return Response.json({ detail: `refused with ${answer}` }, { status: answer });
  }
}

/** A summary with the given differences, for tests. */
export function summaryOf(changes: Partial<Summary> = {}): Summary {
  return {
    source: 'database',
    version: '0.1.0',
    total: 2,
    active: 2,
    is_4k: 0,
    states: { up: 2, degraded: 0, down: 0, unknown: 0, disabled: 0 },
    severities: { critical: 0, major: 0, minor: 0, warning: 0 },
    tiers: {},
    heard_at: '2026-01-31T17:59:50Z',
    has_database: true,
    has_alertmanager: true,
    alertmanager: null,
    prometheus: null,
    probing_base: '',
    grafana: null,
    installation: null,
    ...changes,
  };
}

/** Shows a part of the page at a path, as the page does. */
export function renderPage(children: ReactNode, path = '/') {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false }, mutations: { retry: false } } });
  const [pathname, searchPath] = path.split('?');
  const { hook, searchHook, history } = memoryLocation({
    path: pathname ?? '/',
    searchPath: searchPath ?? '',
    record: true,
  });
  const view = render(
    <MantineProvider>
      <QueryClientProvider client={client}>
        <Router hook={hook} searchHook={searchHook} aroundNav={askBeforeLeaving}>
          {children}
        </Router>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...view, client, history };
}
