import type { ChannelStatus } from '../api/types';
import { Shape } from '../severity/Mark';
import { isSeverity } from '../severity/severity';
import { differs } from './video';

/** Failed checks, the worst first, each with the shape of its severity. */
export function Failed({ failed }: { failed: ChannelStatus['failed'] }) {
  const text = failed.map((one) => `${one.check} (${one.severity})`).join(', ');
  return (
    <span className="failed" title={text}>
      {failed.map((one) => (
        <span key={one.check} className="mark">
          {isSeverity(one.severity) && <Shape level={one.severity} size={11} />}
          {one.check}
        </span>
      ))}
    </span>
  );
}

/** Video renditions that play, of those that are expected. */
export function Rungs({ rungs }: { rungs: ChannelStatus['rungs'] }) {
  if (!rungs) return null;
  return (
    <span data-bad={rungs.available < rungs.expected} title={rungs.output}>
      {rungs.available}/{rungs.expected}
    </span>
  );
}

/** Codec and resolution; declared → measured where they differ. */
export function Video({ status }: { status: ChannelStatus }) {
  const texts = [status.codec, status.resolution].map((value) => {
    if (differs(value)) return `${value.declared} → ${value.measured}`;
    return value.declared ?? value.measured ?? '';
  });
  const text = texts.filter((part) => part !== '').join(', ');
  const isBad = differs(status.codec) || differs(status.resolution);
  return (
    <span data-bad={isBad} title={text}>
      {text}
    </span>
  );
}
