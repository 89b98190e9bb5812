import { Modal } from '@mantine/core';
import { useMounted } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';

/** The list of keys. */
export function KeysHelp({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  // A dialog gives the focus back to what had it when the dialog opened: it has to be there before.
  const isMounted = useMounted();
  const keys = [
    ['/', t('keys.search')],
    ['j', t('keys.down')],
    ['k', t('keys.up')],
    ['Enter', t('keys.open')],
    [t('keys.space'), t('keys.select')],
    ['a', t('keys.acknowledge')],
    ['g c, g a, g m, g o, g w', t('keys.go')],
    ['?', t('keys.help')],
    ['Esc', t('keys.close')],
  ];
  return (
    <Modal
      opened={isMounted && isOpen}
      onClose={onClose}
      title={t('keys.title')}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      <dl className="keys">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
