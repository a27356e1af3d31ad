/**
 * Keeps the pack's translated node names and tooltips (locales/) on the page.
 *
 * ComfyUI's frontend 1.32 first merges them into a language, and then replaces them when its own texts of that language
 * arrive. This extension merges them again each time. A frontend whose texts cannot be reached this way shows English.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "HiGen.Language",

  async init() {
    const frontend = document.getElementById("vue-app")?.__vue_app__;
    const i18n = frontend?._context.provides[frontend.__VUE_I18N_SYMBOL__]?.global;
    if (i18n) mergeAlways(i18n, onlyHiGen(await api.getCustomNodesI18n()));
  },
});

/** The HiGen nodes' part of all packs' translations: {locale: {nodeDefs: {node: texts}}}. */
function onlyHiGen(translations) {
  const filtered = ({ nodeDefs = {} }) => Object.entries(nodeDefs).filter(([node]) => node.startsWith("HiGen"));
  return Object.fromEntries(
    Object.entries(translations).map(([locale, texts]) => [locale, { nodeDefs: Object.fromEntries(filtered(texts)) }]),
  );
}

/** Merge translations into the frontend's messages, now and whenever the messages of a locale are replaced. */
function mergeAlways(i18n, translations) {
  const setLocaleMessage = i18n.setLocaleMessage;
  i18n.setLocaleMessage = (locale, messages) => {
    setLocaleMessage(locale, messages);
    if (locale in translations) i18n.mergeLocaleMessage(locale, translations[locale]);
  };
  for (const [locale, messages] of Object.entries(translations)) i18n.mergeLocaleMessage(locale, messages);
}
