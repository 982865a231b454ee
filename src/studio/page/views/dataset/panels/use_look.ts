/** Asking for what takes a while and is told line by line: the last question counts, and none outlives its panel. */

import { useEffect, useRef, useState } from "preact/hooks";
import { inLines } from "../told.ts";

export interface Look<T> {
  readonly told: T | null;
  readonly error: string | null;
  /** How far it is, of 1; null: nothing is asked for. */
  readonly share: number | null;
  /** Whether it was told, and nobody has asked again meanwhile. */
  ask(address: string): Promise<boolean>;
}

export function useLook<T>(): Look<T> {
  const [told, setTold] = useState<T | null>(null), [error, setError] = useState<string | null>(null);
  const [share, setShare] = useState<number | null>(null), work = useRef<AbortController | null>(null);
  useEffect(() => () => work.current?.abort(), []);
  const ask = async (address: string) => {
    work.current?.abort();
    const { signal } = work.current = new AbortController();
    setError(null);
    setShare(0);
    try {
      setTold(await inLines<T>("GET", address, undefined, setShare, signal));
    } catch (failed) {
      if (!signal.aborted) setError((failed as Error).message);
      return false;
    } finally {
      if (!signal.aborted) setShare(null);
    }
    return true;
  };
  return { told, error, share, ask };
}
