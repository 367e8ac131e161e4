// What a page without a server says of itself: how far its model is loaded, that it is kept, that a newer one is here.

import { isAlone, watchLoading } from "./api.js";
import { t } from "./i18n.js";

const byId = (id) => document.getElementById(id);

export class Notices {
  constructor() {
    this.state = {};
    byId("take-newer").addEventListener("click", () => this.newer?.postMessage("now"));
    watchLoading((state) => {
      this.state = state;
      this.show();
      if (isAlone && (state.opened || state.failed)) this.keeping ??= this.keep();
    });
  }

  show() {
    const { done, all, opened, failed } = this.state;
    const share = byId("loading-share");
    byId("loading").hidden = done === undefined || Boolean(opened || failed);
    const words = all ? t("loadingSize", { mb: Math.ceil(all / 1e6) }) : t("loading");
    if (byId("loading-said").textContent !== words) byId("loading-said").textContent = words;
    if (all) share.value = Math.min(done / all, 1);
    else share.removeAttribute("value");
    byId("newer").hidden = !this.newer;
    byId("kept").hidden = !this.isKept;
  }

  /** Keeps the whole site on this device (sw.js), once its model is loaded; a newer one waits until it is asked for. */
  async keep() {
    const { serviceWorker } = navigator;
    if (!serviceWorker) return; // no https: nothing is kept
    let hadOne = Boolean(serviceWorker.controller);
    serviceWorker.addEventListener("controllerchange", () => {
      if (hadOne) location.reload();
      hadOne = true;
    });
    try {
      const found = await serviceWorker.register("sw.js", { updateViaCache: "none" });
      const look = () => {
        this.newer = serviceWorker.controller ? found.waiting : null;
        this.isKept = Boolean(found.active);
        this.show();
      };
      const watch = (installing) => installing?.addEventListener("statechange", look);
      found.addEventListener("updatefound", () => watch(found.installing));
      watch(found.installing);
      look();
    } catch (error) {
      console.warn(error); // a browser that keeps nothing: the page goes on as it is
    }
  }
}
