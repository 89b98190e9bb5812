import { useTranslation } from 'react-i18next';
import { useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { oldAge } from './picture';
import { useThumbnail } from './useThumbnail';

/** The last picture of a channel. One that is too old to be the present is grey, and says its age. */
export function ChannelPicture({ code, absent }: { code: string; absent?: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const duration = useDuration();
  const picture = useThumbnail(code);
  if (!picture) return absent ?? null;
  const age = oldAge(picture, now);
  if (age === null) return <img src={picture.address} alt={t('mosaic.picture', { code })} />;
  const time = duration(age);
  return (
    <>
      <img className="old-picture" src={picture.address} alt={t('mosaic.oldPictureOf', { code, time })} />
      <span className="picture-age">{t('mosaic.oldPicture', { time })}</span>
    </>
  );
}
