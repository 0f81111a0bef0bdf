/**
 * The first language of a list that there are messages for; otherwise English. A language with a region or a script is
 * also served by the one without (RFC 4647, lookup): `de-AT` by `de`.
 * @param wanted the user's languages, the preferred one first
 * @param known languages of translations, in addition to English
 */
export function chosenLanguage(wanted: readonly string[], known: readonly string[]): string {
  const byLowerCase = new Map([...known, 'en'].map((language) => [language.toLowerCase(), language]));
  for (const language of wanted) {
    const parts = language.toLowerCase().split('-');
    for (let length = parts.length; length > 0; length -= 1) {
      const found = byLowerCase.get(parts.slice(0, length).join('-'));
      if (found !== undefined) return found;
    }
  }
  return 'en';
}
