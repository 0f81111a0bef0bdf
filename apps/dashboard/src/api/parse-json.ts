/** Characters that change the direction of the text around them, so that a text can imitate another (Unicode UAX 9). */
const directionControl = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const directionControls = new RegExp(directionControl, 'g');

/** Parses a response. Names and messages come from pods and issuers: direction controls become visible text. */
export function parseJson(text: string): unknown {
  // JSON may also contain them as escapes, which always have a backslash and a u.
  if (!directionControl.test(text) && !/\\u(061c|20[026])/i.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown) => (typeof value === 'string' ? visible(value) : value));
}

function visible(text: string): string {
  return text.replace(directionControls, (control) => {
    return `⟨U+${control.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}
