// How long an answer of the kernel is waited for, in words.

/** Not at all, for a moment, or longer than a kernel takes that is free. */
export type Waiting = "no" | "short" | "long";

/** From then on it is long. */
export const BUSY_MS = 900;
