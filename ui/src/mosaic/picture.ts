/** The newest picture of a channel. */
export interface Picture {
  /** Address of the image in this browser. */
  address: string;
  /** Time at which the picture was made, in milliseconds by the exporter's clock; `undefined` when the exporter didn't say it. */
  madeAt: number | undefined;
}

/** Age in seconds from which on a picture may not be taken for the present. */
const OLD = 300;

/** The time at which a picture was made, by the header `Age` of the answer that came at `now` in milliseconds. */
export function madeAt(age: string | null, now: number): number | undefined {
  if (age === null || !/^\d+$/.test(age)) return undefined;
  return now - Number(age) * 1000;
}

/** The age in seconds of a picture that is too old to be the present; `null` for one of the last minutes. */
export function oldAge(picture: Picture, now: number): number | null {
  if (picture.madeAt === undefined) return null;
  const seconds = (now - picture.madeAt) / 1000;
  return seconds >= OLD ? seconds : null;
}
