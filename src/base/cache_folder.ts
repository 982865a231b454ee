/** Where easel keeps what it can find out or unpack again: the folder that the launcher unpacks to. */

/** EASEL_CACHE, XDG_CACHE_HOME/easel or ~/.cache/easel, absolute; null where none of them is set. */
export function cacheFolder(): string | null {
  const [chosen, xdg, home] = ["EASEL_CACHE", "XDG_CACHE_HOME", "HOME"].map((name) =>
    Deno.env.get(name) ?? ""
  );
  if (chosen) return chosen.startsWith("/") ? chosen : `${Deno.cwd()}/${chosen}`;
  if (xdg.startsWith("/")) return `${xdg}/easel`;
  return home.startsWith("/") ? `${home}/.cache/easel` : null;
}
