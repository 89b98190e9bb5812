import type { ComponentProps } from 'react';
import { useFreshness } from './LiveProvider';

/** The content of the page, which turns grey when it is old. Only this element is drawn again each second. */
export function FreshMain(props: ComponentProps<'main'>) {
  const { freshness } = useFreshness();
  return <main {...props} data-freshness={freshness} />;
}
