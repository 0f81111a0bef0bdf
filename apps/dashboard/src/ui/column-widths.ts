/** Limits of the width of a column, in pixels. */
export const leastWidth = 48;
export const mostWidth = 1_200;
