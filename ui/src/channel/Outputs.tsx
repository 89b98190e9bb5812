import { useTranslation } from 'react-i18next';
import type { Output, Rendition } from '../api/types';
import { useDuration } from '../time/Ago';
import { megabits, plays } from './rendition';

/** Outputs and their renditions as the last probe measured them. What was not measured is a dash. */
export function Outputs({ outputs }: { outputs: Output[] }) {
  const { t } = useTranslation();
  return (
    <>
      {outputs.map((output) => (
        <div key={output.name} className="output">
          <h4>
            {output.name} · {output.protocol}{' '}
            {output.http_status_code !== undefined && `· HTTP ${output.http_status_code}`}
          </h4>
          <p className="url">{output.url}</p>
          {output.renditions.length > 0 && (
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('rendition.name')}</th>
                  <th scope="col">{t('rendition.media')}</th>
                  <th scope="col">{t('rendition.plays')}</th>
                  <th scope="col">{t('rendition.resolution')}</th>
                  <th scope="col">{t('rendition.bitrate')}</th>
                  <th scope="col">{t('rendition.age')}</th>
                  <th scope="col">{t('rendition.latency')}</th>
                  <th scope="col">{t('rendition.ratio')}</th>
                </tr>
              </thead>
              <tbody>
                {output.renditions.map((rendition) => (
                  <OneRendition key={rendition.name} rendition={rendition} />
                ))}
              </tbody>
            </table>
          )}
        </div>
      ))}
    </>
  );
}

function OneRendition({ rendition }: { rendition: Rendition }) {
  const { t } = useTranslation();
  const duration = useDuration();
  const state = plays(rendition);
  const rate = rendition.rendition_bandwidth_bits_per_second;
  const seconds = (value: number | undefined) => (value === undefined ? '–' : duration(value));
  return (
    <tr>
      <th scope="row">{rendition.name}</th>
      <td>{rendition.media}</td>
      <td data-bad={state === 'no'}>{t(`rendition.${state}`)}</td>
      <td>
        {rendition.rendition_info.resolution || '–'} {rendition.rendition_info.codecs}
      </td>
      <td>
        {megabits(rate?.measured)} / {megabits(rate?.declared)}
      </td>
      <td>{seconds(rendition.playlist_age_seconds)}</td>
      <td>{seconds(rendition.live_edge_latency_seconds)}</td>
      <td data-bad={(rendition.segment_download_ratio ?? 0) >= 1}>
        {rendition.segment_download_ratio?.toFixed(2) ?? '–'}
      </td>
    </tr>
  );
}
