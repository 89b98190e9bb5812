import type { ComponentProps } from 'react';
import { useFreshnessLevel } from './LiveProvider';

/** The content of the page, which turns grey when it is old. */
export function FreshMain(props: ComponentProps<'main'>) {
  return <main {...props} data-freshness={useFreshnessLevel()} />;
}
