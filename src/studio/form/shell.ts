/** Words of a command line as people paste it from a POSIX shell, cmd.exe or PowerShell, and words as a POSIX shell wants them. */

export interface ShellText {
  /** What stands between `&&`, `;` and ends of lines: a command each. */
  readonly commands: readonly (readonly string[])[];
  /** What stands behind a `#` that begins a word. */
  readonly comments: readonly string[];
}

type Dialect = "sh" | "cmd" | "powershell";

/** How a line goes on in the next. */
const CONTINUED: Readonly<Record<Dialect, string>> = {
  sh: "\\\\[ \\t]*\\r?\\n",
  cmd: "\\^[ \\t]*\\r?\\n",
  powershell: "`[ \\t]*\\r?\\n",
};

/** Whose a text is, by how its lines go on and its paths begin where no quotes are around. */
function dialectOf(text: string): Dialect {
  const bare = text.replace(/'[^']*'|"[^"]*"/g, "_");
  const found = (["cmd", "powershell", "sh"] as const).find((name) => new RegExp(CONTINUED[name]).test(bare));
  return found ?? (/(^|[\s=])([A-Za-z]:\\|\.\\|\\\\)/.test(bare) ? "cmd" : "sh");
}

/** The words of each command. Never throws: a quote that is left open ends with the text. */
export function shellWords(text: string): ShellText {
  const dialect = dialectOf(text), commands: string[][] = [[]], comments: string[] = [];
  const goesOn = new RegExp(CONTINUED[dialect], "y");
  let word: string | null = null, quote: string | null = null;
  const end = () => {
    if (word !== null) commands.at(-1)!.push(word);
    word = null;
  };
  for (let i = 0; i < text.length; i++) {
    const c: string = text[i], next = text[i + 1] ?? "";
    goesOn.lastIndex = i;
    if (quote === null && goesOn.test(text)) {
      end();
      i = goesOn.lastIndex - 1;
      continue;
    }
    if (quote !== null) {
      if (c === quote) quote = null;
      else if (c === "\\" && quote === '"' && escapesInQuotes(dialect, next)) word += text[++i];
      else word += c;
    } else if (c === '"' || (c === "'" && dialect !== "cmd")) {
      quote = c;
      word ??= "";
    } else if (c === "\\" && dialect === "sh" && next && !/(^|=)[A-Za-z]:[^ ]*$/.test(word ?? "")) {
      word = (word ?? "") + next;
      i++;
    } else if (c === "#" && word === null && dialect !== "cmd") {
      const stop = text.indexOf("\n", i), comment = text.slice(i + 1, stop < 0 ? undefined : stop);
      comments.push(comment.trim());
      i += comment.length;
    } else if (/[;&|\n]/.test(c) && !(c === "&" && /\d?>$/.test(word ?? ""))) {
      end();
      commands.push([]);
    } else if (/\s/.test(c)) end();
    else word = (word ?? "") + c;
  }
  end();
  return { commands: commands.filter((words) => words.length > 0), comments };
}

function escapesInQuotes(dialect: Dialect, next: string): boolean {
  return dialect === "sh" ? /[\\"$`]/.test(next) : dialect === "cmd" && next === '"';
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,.\/-]+$/.test(word) && !word.startsWith("=")
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
