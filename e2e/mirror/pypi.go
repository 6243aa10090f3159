package mirror

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// pypiWheels are what the application of scenario/django needs, dependencies included, for Python from 3.10 on.
var pypiWheels = []wheel{
	{"asgiref", "3.13.0", "asgiref-3.13.0-py3-none-any.whl", "f9596a2434512686473d50f96ff6207fbba49ae1a785dfac614df4aeb085674d"},
	{"async-timeout", "5.0.1", "async_timeout-5.0.1-py3-none-any.whl", "39e3809566ff85354557ec2398b55e096c8364bacac9405a7a1fa429e77fe76c"},
	{"django", "5.2.19", "django-5.2.19-py3-none-any.whl", "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00"},
	{"gunicorn", "27.0.1", "gunicorn-27.0.1-py3-none-any.whl", "378b26b9a38adcf4592f28828233c1716acc55e833ea06bf48719782efaa0d10"},
	{"packaging", "26.4", "packaging-26.4-py3-none-any.whl", "81383611a09c1bc0b08b76e0fd5829d7c6824c65b27a6aee339da133f4233ea2"},
	{"psycopg", "3.2.13", "psycopg-3.2.13-py3-none-any.whl", "a481374514f2da627157f767a9336705ebefe93ea7a0522a6cbacba165da179a"},
	{"redis", "8.1.0", "redis-8.1.0-py3-none-any.whl", "a4fe1aac3d3b3cc791d4b3d5931c5a956045dc951ee74d1c913ee3ac4d2ee9fb"},
	{"sqlparse", "0.6.1", "sqlparse-0.6.1-py3-none-any.whl", "3be5a72d04c873d690d7c6dedd33d6fae2ef82759881ceec02fc2efd0cba564f"},
	{"typing-extensions", "4.16.0", "typing_extensions-4.16.0-py3-none-any.whl", "481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8"},
}

//go:embed pypi.go
var pypiFiles embed.FS

// pypi returns a directory with wheels and an index of them, as pip reads it (PEP 503).
func (c *cache) pypi(ctx context.Context) (string, error) {
	return c.build(ctx, "pypi", func(ctx context.Context, dir string) error {
		for _, w := range pypiWheels {
			file, err := c.fetchWheel(ctx, w)
			if err != nil {
				return err
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			project := filepath.Join(dir, w.name)
			link := fmt.Sprintf("<a href=\"%[1]s#sha256=%[2]s\">%[1]s</a>\n", w.file, w.sha256)
			if err := errors.Join(
				os.MkdirAll(project, 0o755),
				os.WriteFile(filepath.Join(project, w.file), content, 0o644),
				os.WriteFile(filepath.Join(project, "index.html"), []byte(link), 0o644)); err != nil {
				return err
			}
		}
		return nil
	}, pypiFiles)
}
