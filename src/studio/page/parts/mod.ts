/** The parts that views are made of. */

export { Button } from "./button.ts";
export { Dialog } from "./dialog.ts";
export { EmptyState } from "./empty_state.ts";
export { ErrorLine } from "./error_line.ts";
export { Field, type FieldTies } from "./field.ts";
export { html } from "./html.ts";
export { Icon, type IconName } from "./icons.ts";
export { Name } from "./name.ts";
export { Picture } from "./picture.ts";
export { ProgressBar } from "./progress_bar.ts";
export { type Column, Table } from "./table.ts";
export { Tabs } from "./tabs.ts";
export { tell, tellError, type Toast } from "./toasts.ts";
export { ViewHead } from "./view_head.ts";
