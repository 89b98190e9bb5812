import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Fields } from '../api/channels';
import { changedFields, conflictsOf } from './fields';

interface Props {
  /** The channel as this person read it. */
  read: Fields;
  /** The values in the form. */
  mine: Fields;
  /** The channel as it is now. */
  theirs: Fields;
  onResolve: (resolved: Fields) => void;
}

/** Shows both versions of a channel that somebody changed meanwhile, and asks which values stay. */
export function Conflicts({ read, mine, theirs, onResolve }: Props) {
  const { t } = useTranslation();
  const conflicts = conflictsOf(read, mine, theirs);
  const [isTheirs, setTheirs] = useState<Record<string, boolean>>({});
  const known = Object.fromEntries(Object.keys(mine).map((name) => [name, theirs[name]]));
  const others = Object.keys(changedFields(read, known)).filter((name) => !conflicts.some((one) => one.name === name));
  const resolve = () =>
    onResolve(Object.fromEntries(conflicts.map((one) => [one.name, isTheirs[one.name] ? one.theirs : one.mine])));
  // It stands above the form, and the button that was pressed below it.
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: 'center' });
  }, []);
  return (
    <div className="box" role="alert" ref={box}>
      <strong>{t('edit.changed')}</strong>
      {others.length > 0 && <p>{t('edit.othersKept', { names: others.join(', ') })}</p>}
      {conflicts.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('edit.field')}</th>
              <th scope="col">{t('edit.mine')}</th>
              <th scope="col">{t('edit.theirs')}</th>
            </tr>
          </thead>
          <tbody>
            {conflicts.map((one) => (
              <tr key={one.name}>
                <th scope="row">{one.name}</th>
                {[false, true].map((theirsWins) => (
                  <td key={String(theirsWins)}>
                    <label>
                      <input
                        type="radio"
                        name={`conflict-${one.name}`}
                        checked={(isTheirs[one.name] ?? false) === theirsWins}
                        onChange={() => setTheirs((all) => ({ ...all, [one.name]: theirsWins }))}
                      />{' '}
                      <code>{JSON.stringify(theirsWins ? one.theirs : one.mine) ?? '–'}</code>
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Button mt="sm" onClick={resolve}>
        {t('edit.resolve')}
      </Button>
    </div>
  );
}
