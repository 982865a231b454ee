/** Opening the link where somebody sits in front of a screen. */

/** Whether a browser was asked to; `wanted` even where nobody seems to see it. */
export function openBrowser(link: string, wanted: boolean): boolean {
  const [program, ...args] = Deno.build.os === "darwin"
    ? ["open"]
    : Deno.build.os === "windows"
    ? ["rundll32", "url.dll,FileProtocolHandler"]
    : ["xdg-open"];
  const screen = Deno.build.os !== "linux" || Deno.env.has("DISPLAY") || Deno.env.has("WAYLAND_DISPLAY");
  if (!wanted && !(screen && Deno.stdout.isTerminal())) return false;
  try {
    const child = new Deno.Command(program, {
      args: [...args, link],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    })
      .spawn();
    child.status.catch(() => {});
    child.unref();
    return true;
  } catch {
    return false; // no such program
  }
}
