import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useProbingUrl } from '../api/queries';

/** Copies a command that probes the channel, where the address for probes is known. */
export function CopyCurl({ code }: { code: string }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  const url = useProbingUrl()?.('/probe');
  if (!url) return null;
  const text = `curl -G '${url}' --data-urlencode 'target=${code}'`;
  const copy = () => {
    // Only pages over HTTPS or on localhost may use the clipboard.
    if (navigator.clipboard) void navigator.clipboard.writeText(text).then(() => setCopied(true));
    else prompt(t('channel.copyCurl'), text);
  };
  return (
    <Button size="xs" variant="default" onClick={copy}>
      {isCopied ? t('channel.copied') : t('channel.copyCurl')}
    </Button>
  );
}
