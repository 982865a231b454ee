/** The two streams. Results go to standard output, everything about the work to standard error. */

const encoder = new TextEncoder();

/** Writes a line to standard output. A reader that went away (`| head`) ends the program quietly. */
export function print(line: string): void {
  writeFully(Deno.stdout, line + "\n");
}

/** Writes text to standard error; when nobody can read it, nobody misses it. */
export function printError(text: string): void {
  try {
    const bytes = encoder.encode(text);
    for (let done = 0; done < bytes.length;) done += Deno.stderr.writeSync(bytes.subarray(done));
  } catch { /* closed */ }
}

function writeFully(stream: { writeSync(p: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}

/** Binary units, as memory and files are counted everywhere in easel. */
export function bytesText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let i = 0;
  while (bytes >= 1024 && i < units.length - 1) [bytes, i] = [bytes / 1024, i + 1];
  return `${i === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[i]}`;
}

/** 75 -> "1:15", 3675 -> "1:01:15". */
export function durationText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (x: number) => String(x).padStart(2, "0");
  return s < 3600
    ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
