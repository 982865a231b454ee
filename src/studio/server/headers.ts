/** What every answer says to the browser. */

/** Nothing but what this server sends, no script or style inside the page's text, and no other page around it. */
const POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "connect-src", "font-src", "manifest-src"].map((name) => `${name} 'self'`),
  "img-src 'self' blob: data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const ALWAYS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

export function withHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(ALWAYS)) response.headers.set(name, value);
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  return response;
}
