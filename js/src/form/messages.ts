// What the kernel tells of a form; the mirror of deeplake_nb/widgets/form_messages.py.

import { VERSION } from "../messages.ts";

export { VERSION };

export type FieldKind = "text" | "secret" | "file" | "choice";

export interface FieldMessage {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly more: boolean;
  readonly options: readonly (readonly [string, string])[];
  readonly value: string;
  /** Another field, and its values for which this one is there. */
  readonly when?: readonly [string, readonly string[]];
}

export interface ActionMessage {
  readonly name: string;
  readonly label: string;
  readonly main: boolean;
  /** What is filled in goes with it. */
  readonly fields: boolean;
}

export interface ChoiceMessage {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly fields: readonly FieldMessage[];
  readonly actions: readonly ActionMessage[];
}

export interface TableMessage {
  readonly columns: readonly string[];
  /** An id, the cells, and what can be done with it. */
  readonly rows: readonly (readonly [string, readonly string[], readonly ActionMessage[]])[];
  readonly empty: string;
}

export interface ContentMessage {
  readonly title: string;
  readonly intro: string;
  /** What was tried before, in vain. */
  readonly tried: readonly LineMessage[];
  readonly choice: string;
  readonly choice_label: string;
  readonly choices: readonly ChoiceMessage[];
  readonly actions: readonly ActionMessage[];
  readonly back: boolean;
  readonly table?: TableMessage;
}

/** State, name, what was found, advice. */
export type LineMessage = readonly [string, string, string, string];

export interface OutcomeMessage {
  readonly said: string;
  readonly good: boolean;
  readonly done: boolean;
  readonly lines: readonly LineMessage[];
  readonly problems: Readonly<Record<string, string>>;
  readonly copies: string;
  readonly link: string;
  readonly seconds: number;
}

/** How far an action is that takes long; sent unasked. */
export interface ProgressMessage {
  readonly kind: "progress";
  readonly said: string;
  /** From 0 to 1, where that is known. */
  readonly share: number | null;
}

/** The whole form as it is now; `kept` are the secrets that the kernel has already. */
export interface DrawnMessage {
  readonly content: ContentMessage;
  readonly outcome: OutcomeMessage;
  readonly kept: readonly string[];
}
