/** What an input holds when something happens to it. */
export const valueOf = (event: Event) =>
  (event.currentTarget as HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement).value;

/** Whether a box is ticked. */
export const isTicked = (event: Event) => (event.currentTarget as HTMLInputElement).checked;
