// The few things that are done to the DOM again and again.

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A new element with a class, attributes and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** A button that is read out as `label`. */
export function button(
  label: string,
  content: string,
  onClick: () => void,
  className = "",
): HTMLButtonElement {
  const made = element("button", `dl-button ${className}`.trim(), { type: "button", title: label }, content);
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return made;
}

export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : many}`;
}
