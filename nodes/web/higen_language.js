/**
 * Keeps the pack's translated node names and tooltips (locales/) on the page.
 *
 * ComfyUI's frontend 1.32 adds them to a language and then, when its own texts of that language arrive, puts those in
 * their place. Here ours are added again each time. A frontend whose texts cannot be reached this way shows English.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "HiGen.Language",

  async init() {
    const frontend = document.getElementById("vue-app")?.__vue_app__;
    const texts = frontend?._context.provides[frontend.__VUE_I18N_SYMBOL__]?.global;
    if (texts) keep(texts, ours(await api.getCustomNodesI18n()));
  },
});

/** /i18n has every pack's translations: {locale: {nodeDefs: {node: texts}}}. */
function ours(translations) {
  const mine = ({ nodeDefs = {} }) => Object.entries(nodeDefs).filter(([node]) => node.startsWith("HiGen"));
  return Object.fromEntries(
    Object.entries(translations).map(([locale, all]) => [locale, { nodeDefs: Object.fromEntries(mine(all)) }]),
  );
}

function keep(texts, translations) {
  const replace = texts.setLocaleMessage;
  texts.setLocaleMessage = (locale, messages) => {
    replace(locale, messages);
    if (locale in translations) texts.mergeLocaleMessage(locale, translations[locale]);
  };
  for (const [locale, messages] of Object.entries(translations)) texts.mergeLocaleMessage(locale, messages);
}
