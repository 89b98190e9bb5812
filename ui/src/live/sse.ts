/** One event of a stream of server-sent events. */
export interface StreamEvent {
  name: string;
  data: string;
}

/** Longest unfinished event that is kept, in characters. A longer one is no event of this exporter. */
const MAX_PENDING = 1 << 20;

/**
 * Reads server-sent events from text that arrives in pieces (HTML Living Standard, 9.2.6). A comment is an event
 * without a name and without data: it shows that the connection lives.
 */
export class StreamParser {
  private pending = '';

  /** Events that the piece completes. */
  push(piece: string): StreamEvent[] {
    this.pending += piece;
    const events: StreamEvent[] = [];
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(this.pending);
      if (!end) break;
      events.push(parse(this.pending.slice(0, end.index)));
      this.pending = this.pending.slice(end.index + end[0].length);
    }
    if (this.pending.length > MAX_PENDING) this.pending = '';
    return events;
  }
}

function parse(block: string): StreamEvent {
  const event: StreamEvent = { name: '', data: '' };
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event.name = value;
    if (field === 'data') data.push(value);
  }
  event.data = data.join('\n');
  return event;
}
