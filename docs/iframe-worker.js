// Browsers start no worker of a file that was opened from disk, and the search needs one: here a frame
// of its own takes its place, with the messages of both. Elsewhere nothing changes.
if (location.protocol === "file:") {
  // the search's script looks for this name to find the files beside it
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      this.inside.postMessage = data => {
        const event = new MessageEvent("message", {data});
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
      const load = source => new Promise((done, failed) => {
        const script = frame.contentDocument.createElement("script");
        Object.assign(script, {src: source, onload: done, onerror: failed});
        frame.contentDocument.body.append(script);
      });
      this.inside.importScripts = (...sources) =>
        sources.reduce((before, source) => before.then(() => load(source)), Promise.resolve());
      load(url).then(() => {
        const held = this.waiting;
        this.waiting = null;
        held.forEach(data => this.postMessage(data));
      });
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.inside.dispatchEvent(new this.inside.MessageEvent("message", {data}));
    }
    terminate() {}
  };
}
