extension PageScript {
  /// Numbers as people read them, and the ticks of scales.
  static let numbers = #"""
    function short(value) {
      if (value === 0) return "0";
      const size = Math.abs(value);
      if (size >= 0.001 && size < 100000) {
        const text = value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size))));
        return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
      }
      const [digits, exponent] = value.toExponential(2).split("e");
      return digits.replace(/\.?0+$/, "") + "e" + Number(exponent);
    }

    function count(value) {
      const size = Math.abs(value);
      if (size < 9.95 && value !== Math.round(value)) return value.toFixed(1);
      if (size < 999.5) return value.toFixed(0);
      for (const [unit, name] of [[1e3, "k"], [1e6, "M"], [1e9, "G"]]) {
        if (size < unit * 999.5 || unit === 1e9) return (value / unit).toFixed(size < unit * 99.95 ? 1 : 0) + name;
      }
    }

    function bytes(value) {
      let index = 0;
      while (value >= 999.5 && index < 4) { value /= 1024; index += 1; }
      return value.toFixed(value < 99.95 && index > 0 ? 1 : 0) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][index];
    }

    function duration(seconds) {
      if (seconds < 9.95) return short(seconds) + " s";
      if (seconds < 120) return seconds.toFixed(0) + " s";
      const minutes = seconds / 60;
      if (minutes < 120) return minutes.toFixed(1) + " min";
      return (minutes / 60).toFixed(1) + " h";
    }

    const grouped = value => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
    const formats = {
      short, count, bytes, seconds: duration,
      fixed4: value => value.toFixed(4), fixed3: value => value.toFixed(3), fixed1: value => value.toFixed(1),
      percent: value => (value * 100).toFixed(1) + " %",
    };

    // A value in words; one that is not a number must be seen.
    function written(value, format) {
      return value == null || Number.isNaN(value) ? "NaN" : formats[format](value);
    }

    // 1, 2 or 5 times a power of ten, at least as large as `size`.
    function roundStep(size, isWhole) {
      const power = 10 ** Math.floor(Math.log10(size));
      const step = [1, 2, 5, 10].map(factor => factor * power).find(step => step >= size * 0.999);
      return isWhole ? Math.max(1, step) : step;
    }

    function ticks(low, high, about, isWhole = false) {
      const step = roundStep((high - low) / about, isWhole);
      const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
      return { step, values: Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step) };
    }

    function logTicks(low, high) {
      const values = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
        for (const factor of high / low > 1000 ? [1] : high / low > 30 ? [1, 3] : [1, 2, 5]) {
          const value = factor * 10 ** power;
          if (value >= low * 0.999 && value <= high * 1.001) values.push(value);
        }
      }
      return values.length >= 2 ? values : [low, high];
    }

    // A tick with as many digits as tell it from its neighbours.
    function tickLabel(value, step, format) {
      const digits = unit => Math.min(9, Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9)));
      if (format === "percent") return (value * 100).toFixed(digits(0.01)) + " %";
      if (format === "bytes") return value ? bytes(value) : "0";
      if (value === 0) return "0";
      const size = Math.abs(value);
      if (size < 0.001 || step < 0.0001) return short(value);
      if (size >= 10000) {
        const [unit, name] = size >= 1e9 ? [1e9, "G"] : size >= 1e6 ? [1e6, "M"] : [1e3, "k"];
        return (value / unit).toFixed(digits(unit)) + name;
      }
      return value.toFixed(digits(1));
    }
    """#
}
