from django.core.cache import cache
from django.http import HttpResponse
from django.urls import path
from visits.models import Visit

RELEASE = "one"


def home(request):
    Visit.objects.create()
    cache.add("seen", 0)
    text = f"release {RELEASE}, {Visit.objects.count()} visits, {cache.incr('seen')} seen, https {request.is_secure()}\n"
    return HttpResponse(text, content_type="text/plain")


urlpatterns = [path("", home)]
