/** Limits of the width of a column, in pixels. */
export const minWidth = 48;
export const maxWidth = 1_200;
