package mirror

import (
	"context"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// An npmPackage is a published package with its checksum, as `npm view NAME@VERSION dist.integrity` prints it.
type npmPackage struct{ name, version, integrity string }

// fileName returns the name that npm pack gives the package.
func (p npmPackage) fileName() string {
	return strings.NewReplacer("@", "", "/", "-").Replace(p.name) + "-" + p.version + ".tgz"
}

// fetch returns the path of a package's tarball in the cache, after downloading it with npm if it isn't there. Nothing of
// the package is run.
func (c *cache) fetch(ctx context.Context, p npmPackage) (string, error) {
	return filepath.Join(c.dir, "npm", p.fileName()), c.fetchAll(ctx, []npmPackage{p})
}

// fetchAll downloads the packages that are not in the cache.
func (c *cache) fetchAll(ctx context.Context, packages []npmPackage) error {
	unlock, err := c.lock("npm")
	if err != nil {
		return err
	}
	defer unlock()
	dir := filepath.Join(c.dir, "npm")
	var missing []npmPackage
	var names []string
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(dir, p.fileName())); errors.Is(err, fs.ErrNotExist) {
			missing, names = append(missing, p), append(names, p.name+"@"+p.version)
		} else if err != nil {
			return err
		}
	}
	if missing == nil {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return fmt.Errorf("fetch %s: %w; `make lab-deps` installs what is missing (Debian, Ubuntu)", strings.Join(names, ", "), err)
	}
	unfinished := filepath.Join(dir, "unfinished")
	if err := errors.Join(os.RemoveAll(unfinished), os.MkdirAll(unfinished, 0o755)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "npm", append([]string{"pack", "--silent", "--ignore-scripts"}, names...)...)
	cmd.Dir = unfinished
	// npm has its own list of CAs; this machine may trust more, such as the CA of a company's proxy.
	const system = "/etc/ssl/certs/ca-certificates.crt"
	if _, err := os.Stat(system); err == nil && os.Getenv("NODE_EXTRA_CA_CERTS") == "" {
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+system)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack %s: %w\n%s", strings.Join(names, " "), err, out)
	}
	for _, p := range missing {
		packed := filepath.Join(unfinished, p.fileName())
		if err := checkIntegrity(packed, p.integrity); err != nil {
			return err
		}
		if err := os.Rename(packed, filepath.Join(dir, p.fileName())); err != nil {
			return err
		}
	}
	return os.RemoveAll(unfinished)
}

// checkIntegrity compares a file with a checksum in npm's form, "sha512-" and base64.
func checkIntegrity(name, integrity string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	hash := sha512.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != integrity {
		return fmt.Errorf("%s has integrity %s, not %s", filepath.Base(name), got, integrity)
	}
	return nil
}

// registryPackages are all that the package.json of rocketchat/ needs on linux-x64, one version of each.
var registryPackages = []npmPackage{
	{"@img/sharp-libvips-linux-x64", "1.0.4", "sha512-MmWmQ3iPFZr0Iev+BAgVMb3ZyC4KeFc3jFxnNbEPas60e1cIfevbtuyf9nDGIzOaW9PdnDciJm+wFFaTlj5xYw=="},
	{"@img/sharp-linux-x64", "0.33.5", "sha512-opC+Ok5pRNAzuvq1AG0ar+1owsu842/Ab+4qvU879ippJBHvyY5n2mxF1izXqkPYlGuP/M556uh53jRLJmzTWA=="},
	{"@mongodb-js/saslprep", "1.6.3", "sha512-aHGFvT95c82CoQ7hb6qXpz8Hcc5PJb3ZtQ+P01QDBbyQday0mjcrJPeNJOHCgWe0pGX0zKmKP+1mWi/I/BCX9Q=="},
	{"@types/webidl-conversions", "7.0.3", "sha512-CiJJvcRtIgzadHCYXw7dqEnMNRjhGZlYK05Mj9OyktqV8uVT8fD2BFOB7S1uwBE3Kj2Z+4UyPmFw/Ixgw/LAlA=="},
	{"@types/whatwg-url", "11.0.5", "sha512-coYR071JRaHa+xoEvvYqvnIHaVqaYrLPbsufM9BF63HkwI5Lgmy2QR8Q5K/lYDYo5AK82wOvSOS0UsLTpTG7uQ=="},
	{"bson", "6.10.4", "sha512-WIsKqkSC0ABoBJuT1LEX+2HEvNmNKKgnTAyd0fL8qzK4SH2i9NXg+t08YtdZp/V9IZ33cxe3iV4yM0qg8lMQng=="},
	{"color", "4.2.3", "sha512-1rXeuUUiGGrykh+CeBdu5Ie7OJwinCgQY0bc7GCRxy5xVHy+moaqkpL/jqQq0MtQOeYcrqEz4abc5f0KtU7W4A=="},
	{"color-convert", "2.0.1", "sha512-RRECPsj7iu/xb5oKYcsFHSppFNnsj/52OVTRKb4zP5onXwVF3zVmmToNcOfGC+CRDpfK/U584fMg38ZHCaElKQ=="},
	{"color-name", "1.1.4", "sha512-dOy+3AuW3a2wNbZHIuMZpTcgjGuLU/uBL/ubcZF9OXbDo8ff4O8yVp5Bf0efS8uEoYo5q4Fx7dY9OgQGXgAsQA=="},
	{"color-string", "1.9.1", "sha512-shrVawQFojnZv6xM40anx4CkoDP+fZsw/ZerEMsW/pyzsRbElpsL/DBVW7q3ExxwusdNXI3lXpuhEZkzs8p5Eg=="},
	{"detect-libc", "2.1.2", "sha512-Btj2BOOO83o3WyH59e8MgXsxEQVcarkUOpEYrubB0urwnN10yQ364rsiByU11nZlqWYZm05i/of7io4mzihBtQ=="},
	{"is-arrayish", "0.3.4", "sha512-m6UrgzFVUYawGBh1dUsWR5M2Clqic9RVXC/9f8ceNlv2IcO9j9J/z8UoCLPqtsPBFNzEpfR3xftohbfqDx8EQA=="},
	{"memory-pager", "1.5.0", "sha512-ZS4Bp4r/Zoeq6+NLJpP+0Zzm0pR8whtGPf1XExKLJBAczGMnSi3It14OiNCStjQjM6NU1okjQGSxgEZN8eBYKg=="},
	{"mongodb", "6.21.0", "sha512-URyb/VXMjJ4da46OeSXg+puO39XH9DeQpWCslifrRn9JWugy0D+DvvBvkm2WxmHe61O/H19JM66p1z7RHVkZ6A=="},
	{"mongodb-connection-string-url", "3.0.2", "sha512-rMO7CGo/9BFwyZABcKAWL8UJwH/Kc2x0g72uhDWzG48URRax5TCIcJ7Rc3RZqffZzO/Gwff/jyKwCU9TN8gehA=="},
	{"punycode", "2.3.1", "sha512-vYt7UD1U9Wg6138shLtLOvdAu+8DsC/ilFtEVHcH+wydcSpNE20AfSOduf6MkRFahL5FY7X1oU7nKVZFtfq8Fg=="},
	{"semver", "7.8.6", "sha512-9lpSSU4Mly3mrtruwLs1eLK6+gzbzqeBFwRNjIjE+9LuDpWdYctrQlQ3ej1Ilgi7gknpsTRnPoLP8DpCHqHIJw=="},
	{"sharp", "0.33.5", "sha512-haPVm1EkS9pgvHrQ/F3Xy+hgcuMV0Wm9vfIBSiwZ05k+xgb0PkBQpGsAA/oWdDobNaZTH5ppvHtzCFbnSEwHVw=="},
	{"simple-swizzle", "0.2.4", "sha512-nAu1WFPQSMNr2Zn9PGSZK9AGn4t/y97lEm+MXTtUDwfP0ksAIX4nO+6ruD9Jwut4C49SB1Ws+fbXsm/yScWOHw=="},
	{"sparse-bitfield", "3.0.3", "sha512-kvzhi7vqKTfkh0PZU+2D2PIllw2ymqJKujUcyPMd9Y75Nv4nPbGJZXNhxsgdQab2BmlDct1YnfQCguEvHr7VsQ=="},
	{"tr46", "5.1.1", "sha512-hdF5ZgjTqgAntKkklYw0R03MG2x/bSzTtkxmIRw/sTNV8YXsCJ1tfLAX23lhxhHJlEf3CRCOCGGWw3vI3GaSPw=="},
	{"webidl-conversions", "7.0.0", "sha512-VwddBukDzu71offAQR975unBIGqfKZpM+8ZX6ySk8nYhVoo5CYaZyzt3YBvYtRtO+aoGlqxPg/B87NGVZ/fu6g=="},
	{"whatwg-url", "14.2.0", "sha512-De72GdQZzNTUBBChsXueQUnPKDkg/5A5zp7pFDuQAj5UFoENpiACU0wlCvzpAGnTkj++ihpKwKyYewn/XNUbKw=="},
	{"ws", "8.18.0", "sha512-8VbfWfHLbbwu3+N6OKsOMpBdT4kXPDDB9cJk2bJ6mh9ucxdlnNvH1e+roYkKmN9Nxw2yjz7VzeO9oOz2zJ04Pw=="},
}

//go:embed npm.go tarball.go
var npmFiles embed.FS

// npmRegistry returns a directory with the metadata of each package, as a registry answers, and its tarball.
func (c *cache) npmRegistry(ctx context.Context) (string, error) {
	return c.build(ctx, "npm-registry", func(ctx context.Context, dir string) error {
		if err := c.fetchAll(ctx, registryPackages); err != nil {
			return err
		}
		for _, p := range registryPackages {
			if err := c.addToRegistry(dir, p); err != nil {
				return fmt.Errorf("package %s: %w", p.name, err)
			}
		}
		return nil
	}, npmFiles)
}

// registryHere stands for the registry's URL in the metadata, which is written before the URL is known.
const registryHere = "http://registry.invalid"

func (c *cache) addToRegistry(dir string, p npmPackage) error {
	tarball := filepath.Join(c.dir, "npm", p.fileName())
	var manifest map[string]any
	err := readTarball(tarball, func(name string, _ fs.FileMode, _ int64, content io.Reader) error {
		if name != "package.json" {
			return nil
		}
		return json.NewDecoder(content).Decode(&manifest)
	})
	if err != nil {
		return err
	}
	manifest["dist"] = map[string]string{"tarball": registryHere + "/-/" + p.fileName(), "integrity": p.integrity}
	description, err := json.Marshal(map[string]any{
		"name": p.name, "dist-tags": map[string]string{"latest": p.version}, "versions": map[string]any{p.version: manifest},
	})
	if err != nil {
		return err
	}
	content, err := os.ReadFile(tarball)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, url.PathEscape(p.name)+".json"), description, 0o644),
		os.WriteFile(filepath.Join(dir, p.fileName()), content, 0o644))
}

// serveNPM answers as a registry at base, from the directory of npmRegistry.
func serveNPM(dir, base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if tarball, ok := strings.CutPrefix(name, "-/"); ok {
			http.ServeFileFS(w, r, os.DirFS(dir), tarball)
			return
		}
		description, err := fs.ReadFile(os.DirFS(dir), url.PathEscape(name)+".json")
		if err != nil {
			http.Error(w, `{"error": "Not found"}`, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(strings.ReplaceAll(string(description), registryHere, base))) // the client may be gone
	})
}
