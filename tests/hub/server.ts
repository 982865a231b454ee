/** A hub of the tests' own: what easel asks huggingface.co, for one model in memory. */

import { createHash } from "node:crypto";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export interface Hub {
  readonly endpoint: string;
  /** "GET /path" of each request, with its Range. */
  readonly requests: string[];
  /** Authorization headers that came. */
  readonly tokens: Set<string | null>;
  /** Bytes after which the next downloads are cut off, one each. */
  readonly cuts: number[];
  /** What was uploaded to "owner/name", by path, and the repositories that were made. */
  readonly uploaded: Map<string, string>;
  close(): Promise<void>;
}

/** Serves `files` as "owner/name", a model or another repository. */
export function serveHub(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  type: "model" | "dataset" | "space" = "model",
): Hub {
  const requests: string[] = [], tokens = new Set<string | null>(), cuts: number[] = [];
  const uploaded = new Map<string, string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url), range = request.headers.get("Range");
    requests.push(`${request.method} ${pathname}${range ? ` ${range}` : ""}`);
    tokens.add(request.headers.get("Authorization"));
    const start = `/api/${type}s/owner/name`, before = type === "model" ? "" : `/${type}s`;
    if (request.method === "POST") return await received(request, pathname, uploaded);
    if (/^\/(name|made)(\/revision\/(main|v1))?$/.test(pathname.replace(`/api/${type}s/owner`, ""))) {
      return Response.json({
        _id: "1",
        id: "owner/name",
        sha: COMMIT,
        private: false,
        gated: false,
        downloads: 0,
        likes: 0,
        lastModified: "2026-01-01",
      });
    }
    if (pathname.startsWith(`${start}/tree/${COMMIT}`)) {
      return Response.json(Object.entries(files).map(entry));
    }
    const [, path] = /^\/owner\/name\/resolve\/[0-9a-f]{40}\/(.*)$/.exec(pathname.replace(before, "")) ?? [];
    const bytes = path === undefined ? undefined : files[decodeURIComponent(path)];
    if (!bytes) return Response.json({ error: "Repository not found" }, { status: 404 });
    const from = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    const headers = { "content-length": String(bytes.length - from) };
    const body = stream(bytes.subarray(from), cuts.shift() ?? Infinity);
    return new Response(body, { status: from > 0 ? 206 : 200, headers });
  });
  const { port } = server.addr as Deno.NetAddr;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    tokens,
    cuts,
    uploaded,
    close: () => server.shutdown(),
  };
}

/** Uploads: every file comes inside its commit. */
async function received(
  request: Request,
  pathname: string,
  uploaded: Map<string, string>,
): Promise<Response> {
  if (pathname.endsWith("/repos/create")) {
    const { name, organization, private: hidden, visibility } = await request.json();
    uploaded.set(`${organization}/${name}`, visibility ?? (hidden ? "private" : "public"));
    return Response.json({ url: "http://localhost/made", id: "1" });
  }
  if (pathname.includes("/preupload/")) {
    const { files } = await request.json();
    return Response.json({
      files: files.map(({ path }: { path: string }) => ({ path, uploadMode: "regular" })),
    });
  }
  for (const line of (await request.text()).trim().split("\n")) {
    const { key, value } = JSON.parse(line);
    if (key === "file") uploaded.set(value.path, value.content);
  }
  return Response.json({ success: true, commitUrl: "http://localhost/c", commitOid: COMMIT, hookOutput: "" });
}

/** As the tree of a model lists it: large files by their SHA-256, others by Git's hash. */
function entry([path, bytes]: [string, Uint8Array]) {
  const common = {
    type: "file",
    path,
    size: bytes.length,
    oid: createHash("sha1").update(bytes).digest("hex"),
  };
  if (!/\.(safetensors|bin)$/.test(path)) return common;
  return {
    ...common,
    lfs: { oid: createHash("sha256").update(bytes).digest("hex"), size: bytes.length, pointerSize: 130 },
  };
}

function stream(bytes: Uint8Array<ArrayBuffer>, cut: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async start(controller) {
      const whole = bytes.length <= cut;
      controller.enqueue(whole ? bytes : bytes.subarray(0, cut));
      if (whole) return controller.close();
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.error(new Error("cut off"));
    },
  });
}
