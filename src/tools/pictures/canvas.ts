/**
 * A small painter: shapes are signed distance functions (negative inside, in pixels), so every edge is antialiased by
 * one rule and shapes combine with min and max.
 */

export type Rgb = readonly [number, number, number];
/** Distance in pixels from (x, y) to the shape's edge, negative inside. */
export type Shape = (x: number, y: number) => number;

export class Canvas {
  /** (height, width, 3), 0..255. */
  readonly pixels: Uint8ClampedArray;

  constructor(readonly width: number, readonly height: number, background: Rgb) {
    this.pixels = new Uint8ClampedArray(width * height * 3);
    for (let i = 0; i < this.pixels.length; i++) this.pixels[i] = background[i % 3];
  }

  /** Paints a shape; the colour may vary over the picture. */
  paint(shape: Shape, colour: Rgb | ((x: number, y: number) => Rgb)): void {
    for (let y = 0, at = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++, at += 3) {
        const cover = Math.min(1, Math.max(0, 0.5 - shape(x + 0.5, y + 0.5)));
        if (cover === 0) continue;
        const rgb = typeof colour === "function" ? colour(x, y) : colour;
        for (let c = 0; c < 3; c++) this.pixels[at + c] += (rgb[c] - this.pixels[at + c]) * cover;
      }
    }
  }
}

export function circle(cx: number, cy: number, r: number): Shape {
  return (x, y) => Math.hypot(x - cx, y - cy) - r;
}

export function ellipse(cx: number, cy: number, rx: number, ry: number): Shape {
  // Exact enough near the edge: the implicit function over its gradient.
  return (x, y) => {
    const u = (x - cx) / rx, v = (y - cy) / ry, k = Math.hypot(u, v);
    return k === 0 ? -Math.min(rx, ry) : (k - 1) * k / Math.hypot(u / rx, v / ry);
  };
}

export function box(cx: number, cy: number, halfWidth: number, halfHeight: number): Shape {
  return (x, y) => {
    const dx = Math.abs(x - cx) - halfWidth, dy = Math.abs(y - cy) - halfHeight;
    return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0);
  };
}

/** A filled polygon of any shape; points in order. */
export function polygon(points: readonly (readonly [number, number])[]): Shape {
  return (x, y) => {
    let nearest = Infinity, inside = false;
    for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
      const [ax, ay] = points[j], [bx, by] = points[i];
      const ex = bx - ax, ey = by - ay;
      const t = Math.min(1, Math.max(0, ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)));
      nearest = Math.min(nearest, Math.hypot(x - ax - t * ex, y - ay - t * ey));
      if ((ay > y) !== (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) inside = !inside;
    }
    return inside ? -nearest : nearest;
  };
}

/** n points on a circle from the top, radii taken in turn. */
export function star(cx: number, cy: number, radii: readonly number[], n: number): Shape {
  return polygon(Array.from({ length: n }, (_, i) => {
    const angle = -Math.PI / 2 + 2 * Math.PI * i / n, r = radii[i % radii.length];
    return [cx + r * Math.cos(angle), cy + r * Math.sin(angle)] as const;
  }));
}

/** The part of a above or on b's edge and below: union, intersection, difference of shapes. */
export const union = (...shapes: Shape[]): Shape => (x, y) => Math.min(...shapes.map((s) => s(x, y)));
export const intersect = (a: Shape, b: Shape): Shape => (x, y) => Math.max(a(x, y), b(x, y));
export const subtract = (a: Shape, b: Shape): Shape => (x, y) => Math.max(a(x, y), -b(x, y));
/** Everything below the line y = level(x). */
export const below = (level: (x: number) => number): Shape => (x, y) => level(x) - y;
