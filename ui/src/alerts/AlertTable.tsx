import type { Alert } from '../api/types';
import { AlertCells } from './AlertCells';
import { AlertHead } from './AlertHead';
import { useChannelNames } from './useChannelNames';

interface Props {
  alerts: Alert[];
  /** Whether the table is for paper. */
  isPrinted?: boolean;
}

/** A few alerts, with who acknowledged them. */
export function AlertTable({ alerts, isPrinted = false }: Props) {
  const names = useChannelNames();
  return (
    <div className="scroll">
      <table className="alerts">
        <AlertHead alerts={alerts} />
        <tbody>
          {alerts.map((alert) => (
            <tr key={alert.id} data-status={alert.status}>
              <AlertCells alert={alert} name={names.get(alert.channel ?? '')} isPrinted={isPrinted} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
