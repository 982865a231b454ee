/** What stands around every view: where one may go, language and scheme, what has just happened. */

import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./parts/html.ts";
import { Icon } from "./parts/icons.ts";
import { Button } from "./parts/button.ts";
import { ErrorLine } from "./parts/error_line.ts";
import { FoldersDialog } from "./parts/paths/folders_dialog.ts";
import { Toasts } from "./parts/toasts.ts";
import { useTrouble } from "./events.ts";
import { href, placeOf, useRoute } from "./router.ts";
import { get } from "./server.ts";
import { setScheme, useScheme } from "./scheme.ts";
import { VIEWS } from "./views.ts";
import { frame } from "./words/frame.ts";
import { paths } from "./words/paths.ts";
import { LANGUAGES, setLanguage, useLanguage, useWords } from "./words/mod.ts";
import { valueOf } from "./value_of.ts";

export function Frame() {
  const route = useRoute(), words = useWords(frame);
  useBeginning(route.view === "");
  const view = VIEWS.find(({ name }) => name === route.view) ?? VIEWS.find(({ name }) => name === "runs")!;
  const title = words[view.name];
  const main = useRef<HTMLElement>(null), last = useRef(view.name);
  useEffect(() => {
    document.title = `${title} – easel studio`;
    if (last.current === view.name) return;
    last.current = view.name;
    main.current?.focus({ preventScroll: true }); // a reader of the screen hears the new view's name
    globalThis.scrollTo(0, 0);
  }, [view.name, title]);
  const skip = (event: Event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>${words.skip}</a>
    <header class="frame-head">
      <a class="brand" href=${href(
        "",
      )}><img src="/icon.svg" alt="" width="24" height="24" /> easel studio</a>
      <nav class="frame-nav" aria-label=${words.views}>
        ${VIEWS.map(({ name, icon }) =>
          html`
            <a key=${name} href=${href(name)} aria-current=${name === view.name && route.view !== ""
              ? "page"
              : undefined}>
              <${Icon} name=${icon} /><span>${words[name]}</span>
            </a>
          `
        )}
      </nav>
      <div class="frame-settings">
        <${FoldersChoice} />
        <${LanguageChoice} />
        <${SchemeChoice} />
      </div>
    </header>
    <${Trouble} />
    <main id="main" class=${`view view-${view.name}`} tabindex="-1" ref=${main} aria-label=${title}>
      ${route.view !== "" &&
        html`<${view.component} rest=${route.view === view.name ? route.rest : []} key=${view.name} />`}
    </main>
    <${Toasts} />
  `;
}

/** Where nothing was done yet, what comes first is pictures; else what there is to see. */
function useBeginning(nowhere: boolean): void {
  useEffect(() => {
    if (!nowhere) return;
    const lead = (view: string) => placeOf(location.hash).view === "" && location.replace(href(view));
    get<readonly unknown[]>("/api/runs").then(
      ({ length }) => lead(length ? "runs" : "dataset"),
      () => lead("runs"),
    );
  }, [nowhere]);
}

/** That what is shown is old, and why. */
function Trouble() {
  return html`
    <div class="frame-trouble">
      <${ErrorLine} text=${useTrouble()} />
    </div>
  `;
}

function FoldersChoice() {
  const words = useWords(paths), [open, setOpen] = useState(false);
  return html`
    <${Button} kind="quiet" icon="folder" label=${words.folders} onClick=${() => setOpen(true)} />
    ${open && html`<${FoldersDialog} onClose=${() => setOpen(false)} />`}
  `;
}

function LanguageChoice() {
  const words = useWords(frame), language = useLanguage();
  const choose = (event: Event) => setLanguage(valueOf(event));
  return html`
    <select class="quiet" aria-label=${words.language} title=${words
      .language} value=${language} onChange=${choose}>
      ${LANGUAGES.map(({ code, name }) =>
        html`<option key=${code} value=${code} lang=${code}>${name}</option>`
      )}
    </select>
  `;
}

function SchemeChoice() {
  const words = useWords(frame), scheme = useScheme();
  const next = scheme === "dark" ? "light" : "dark";
  return html`
    <button type="button" class="quiet icon-only" onClick=${() =>
      setScheme(next)} aria-label=${words[next]} title=${words[next]}>
      <${Icon} name=${next === "dark" ? "moon" : "sun"} />
    </button>
  `;
}
