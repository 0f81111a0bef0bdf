// Commit messages, checked by the CI: an imperative subject of at most 72 characters, without a prefix for its type; what
// the body says is why.
const imperative = /^(?=[A-Z])(?!\w+:)(?!\w*[^s]s\s)(?!\w+(?:[^e]ed|ing)\s)/;
const endLikeAnotherForm = /^(?:Alias|Bias|Bring|Embed|Focus|Shed|String)\s/;

export default {
  plugins: [
    {
      rules: {
        'header-imperative': ({ header }) => [
          imperative.test(header) || endLikeAnotherForm.test(header),
          'the subject begins with a verb in the imperative, such as "Add" (not "add", "Added", "Adds" or "feat: add")',
        ],
      },
    },
  ],
  rules: {
    'header-imperative': [2, 'always'],
    'header-max-length': [2, 'always', 72],
    'header-full-stop': [2, 'never', '.'],
    'header-trim': [2, 'always'],
    'body-leading-blank': [2, 'always'],
  },
};
