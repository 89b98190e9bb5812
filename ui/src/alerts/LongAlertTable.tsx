import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Alert } from '../api/types';
import { type Reader, useReleaseAtEnd } from '../order/useHeldOrder';
import { MAX_PRINTED, useIsPrinting } from '../print/useIsPrinting';
import { AlertCells, type Selection } from './AlertCells';
import { AlertHead } from './AlertHead';
import type { ChannelNames } from './alerts';

/** Height of most rows in pixels; each is measured when it is shown. */
const ROW_HEIGHT = 52;
/** Height of the head, which stays on top of the rows. */
const HEAD_HEIGHT = 34;

interface Props {
  alerts: Alert[];
  names: ChannelNames;
  selection: Selection;
  onOpen: (id: number) => void;
  /** Notices that somebody reads the table: rows must not move. */
  reader: Reader;
  /** Called when the table disappears. */
  onEnd: () => void;
}

/** Alerts, however many they are: only the rows on the screen are in the document. */
export function LongAlertTable({ alerts, names, selection, onOpen, reader, onEnd }: Props) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  useReleaseAtEnd(onEnd);
  const virtualizer = useVirtualizer({
    count: alerts.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => alerts[index]?.id ?? index,
    overscan: 20,
    // The head covers so much of the scroller.
    scrollPaddingEnd: HEAD_HEIGHT,
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const place = (event.target as HTMLElement).closest<HTMLElement>('[data-index]')?.dataset.index;
    const by = { j: 1, k: -1 }[event.key];
    if (by) {
      const next = place === undefined ? 0 : Math.min(Math.max(Number(place) + by, 0), alerts.length - 1);
      virtualizer.scrollToIndex(next);
      // The box of a firing alert, which Space ticks; else the button of its details.
      const row = scroller.current?.querySelector(`[data-index="${next}"]`);
      row?.querySelector<HTMLElement>('input, [data-open]')?.focus({ preventScroll: true });
    }
    const alert = alerts[Number(place)];
    if (event.key === 'Enter' && alert && event.target instanceof HTMLInputElement) onOpen(alert.id);
  };
  const isPrinting = useIsPrinting();
  const onScreen = virtualizer.getVirtualItems();
  const items: { index: number }[] = isPrinting
    ? alerts.slice(0, MAX_PRINTED).map((_, index) => ({ index }))
    : onScreen;
  const above = isPrinting ? 0 : (onScreen[0]?.start ?? 0);
  const below = isPrinting ? 0 : virtualizer.getTotalSize() - (onScreen.at(-1)?.end ?? 0);
  return (
    <section
      ref={scroller}
      className="table"
      aria-label={t('alerts.rows')}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by the keyboard
      tabIndex={0}
      data-rows
      onKeyDown={onKeyDown}
      {...reader}
    >
      <table className="alerts long" aria-rowcount={alerts.length + 1}>
        <AlertHead alerts={alerts} selection={selection} hasActions />
        <tbody>
          <Gap height={above} />
          {items.map((item) => {
            const alert = alerts[item.index];
            if (!alert) return null;
            return (
              <tr
                key={alert.id}
                ref={virtualizer.measureElement}
                data-index={item.index}
                aria-rowindex={item.index + 2}
                data-status={alert.status}
              >
                <AlertCells alert={alert} name={names.get(alert.channel ?? '')} selection={selection} onOpen={onOpen} />
              </tr>
            );
          })}
          <Gap height={below} />
        </tbody>
      </table>
      {isPrinting && alerts.length > MAX_PRINTED && <p>{t('wall.more', { count: alerts.length - MAX_PRINTED })}</p>}
    </section>
  );
}

/** The place of the rows that are not in the document. */
function Gap({ height }: { height: number }) {
  if (height <= 0) return null;
  return (
    <tr>
      <td colSpan={8} style={{ height, padding: 0, border: 0 }} />
    </tr>
  );
}
