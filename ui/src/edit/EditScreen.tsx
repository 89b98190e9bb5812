import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { readChannel } from '../api/channels';
import { api, body, exporterUrl } from '../api/client';
import { ErrorBox } from '../frame/ErrorBox';
import { EditForm } from './EditForm';
import { fieldsOf } from './fields';

/** The form of a channel: a new one without a code. */
export function EditScreen({ code }: { code: string | null }) {
  const { t } = useTranslation();
  // What can be written, and within which bounds, comes from the exporter that will judge it.
  const schema = useQuery({
    queryKey: ['channel-schema'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const answer = await body(api.GET('/api/v1/openapi.json', { signal }));
      const document = answer as {
        components: { schemas: { ChannelWritten: { properties: Record<string, object> } } };
      };
      return fieldsOf(document.components.schemas.ChannelWritten.properties);
    },
  });
  const channel = useQuery({
    queryKey: ['channel', code],
    enabled: code !== null,
    queryFn: () => readChannel(code ?? ''),
    // A form that somebody fills in must not change below the hands.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const lists = useQuery({
    queryKey: ['edit-lists'],
    queryFn: async ({ signal }) => {
      const params = { query: { limit: 1000 } };
      const [templates, probes] = await Promise.all([
        body(api.GET('/api/v1/templates', { params, signal })),
        body(api.GET('/api/v1/probes', { params, signal })),
      ]);
      return {
        template_id: templates.templates.map((one) => ({ value: String(one.id), label: one.template_name })),
        probe_id: probes.probes.map((one) => ({ value: String(one.id), label: one.probe_name })),
      };
    },
  });
  const failed = [schema, channel, lists].find((query) => query.error);
  const title = code === null ? t('edit.new') : t('edit.title', { code });
  return (
    <section aria-label={title}>
      <p>
        <Link href={code === null ? '/channels' : `/channels/${encodeURIComponent(code)}`}>
          ← {code ?? t('channel.back')}
        </Link>
      </p>
      <h2>{title}</h2>
      {failed?.error && <ErrorBox error={failed.error} onRetry={() => void failed.refetch()} />}
      {schema.data && lists.data && (code === null || channel.data) && (
        <EditForm code={code} fields={schema.data} lists={lists.data} read={channel.data ?? null} />
      )}
      <p className="empty">
        <a href={`${exporterUrl}/api/v1/openapi.json`} target="_blank" rel="noreferrer">
          {t('edit.schema')}
        </a>
      </p>
    </section>
  );
}
