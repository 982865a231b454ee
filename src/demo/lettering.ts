/** Words in pictures: a font of our own, five pixels wide, for the labels of the demo. */

const WIDTH = 5, HEIGHT = 9, GAP = 1;

/** The letters above their pixels, two rows of which are below the line. */
const ART = [
  `a     b     c     d     e     f     g     h     i     j     k     l     m
..... #.... ..... ....# ..... ..##. ..... #.... ..#.. ...#. #.... .##.. .....
..... #.... ..... ....# ..... .#..# ..... #.... ..... ..... #.... ..#.. .....
.###. #.##. .###. .##.# .###. .#... .#### #.##. .##.. ..##. #..#. ..#.. ##.#.
....# ##..# #...# #..## #...# ###.. #...# ##..# ..#.. ...#. #.#.. ..#.. #.#.#
.#### #...# #.... #...# ##### .#... #...# #...# ..#.. ...#. ##... ..#.. #.#.#
#...# #...# #...# #...# #.... .#... #...# #...# ..#.. ...#. #.#.. ..#.. #.#.#
.#### ####. .###. .#### .###. .#... .#### #...# .###. ...#. #..#. .###. #.#.#
..... ..... ..... ..... ..... ..... ....# ..... ..... #..#. ..... ..... .....
..... ..... ..... ..... ..... ..... .###. ..... ..... .##.. ..... ..... .....`,
  `n     o     p     q     r     s     t     u     v     w     x     y     z
..... ..... ..... ..... ..... ..... .#... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... .#... ..... ..... ..... ..... ..... .....
#.##. .###. ####. .#### #.##. .#### ####. #...# #...# #...# #...# #...# #####
##..# #...# #...# #...# ##..# #.... .#... #...# #...# #.#.# .#.#. #...# ...#.
#...# #...# #...# #...# #.... .###. .#... #...# #...# #.#.# ..#.. #...# ..#..
#...# #...# #...# #...# #.... ....# .#..# #..## .#.#. #.#.# .#.#. #...# .#...
#...# .###. ####. .#### #.... ####. ..##. .##.# ..#.. .#.#. #...# .#### #####
..... ..... #.... ....# ..... ..... ..... ..... ..... ..... ..... ....# .....
..... ..... #.... ....# ..... ..... ..... ..... ..... ..... ..... .###. .....`,
];

/** Letter -> its rows. */
const GLYPHS: ReadonlyMap<string, readonly string[]> = new Map(
  ART.flatMap((block) => {
    const [letters, ...rows] = block.split("\n");
    return letters.split(/\s+/).map((letter, i): [string, string[]] => {
      const at = i * (WIDTH + GAP);
      return [letter, rows.map((row) => row.slice(at, at + WIDTH))];
    });
  }),
);

/** What stands for a character that the font has not. */
const UNKNOWN = [".....", ".....", ...Array<string>(5).fill("#####"), ".....", "....."];

/** Pixels from the top of a line to the top of the next. */
export function lineHeight(scale: number): number {
  return (HEIGHT + 2 * GAP) * scale;
}

/** The pixels that a line of text takes, and whether (x, y) among them is ink. */
export function lettering(text: string, scale: number) {
  const glyphs = [...text].map((letter) => letter === " " ? [] : GLYPHS.get(letter) ?? UNKNOWN);
  const ink = (x: number, y: number) => {
    const column = Math.floor(x / scale), row = Math.floor(y / scale);
    return glyphs[Math.floor(column / (WIDTH + GAP))]?.[row]?.[column % (WIDTH + GAP)] === "#";
  };
  return { width: glyphs.length * (WIDTH + GAP) * scale, height: HEIGHT * scale, ink };
}

/** A text as lines that are at most `width` pixels wide, broken at spaces. */
export function wrapped(text: string, width: number, scale: number): string[] {
  const most = Math.floor(width / ((WIDTH + GAP) * scale)), lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
