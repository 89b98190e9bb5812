import type { Alert } from '../api/types';
import { AlertCells } from './AlertCells';
import { AlertHead } from './AlertHead';
import { useChannelNames } from './useChannelNames';

/** A few alerts, with who acknowledged them. */
export function AlertTable({ alerts }: { alerts: Alert[] }) {
  const names = useChannelNames();
  return (
    <div className="scroll">
      <table className="alerts">
        <AlertHead alerts={alerts} />
        <tbody>
          {alerts.map((alert) => (
            <tr key={alert.id} data-status={alert.status}>
              <AlertCells alert={alert} name={names.get(alert.channel ?? '')} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
